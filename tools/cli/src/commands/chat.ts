import { createInterface, type Interface } from 'node:readline';
import type OpenAI from 'openai';
import { Conversation, temperatureOf, type Message } from '../chat/conversation.js';
import { readTurns } from '../chat/read-turns.js';
import { slashCommand, slashHelp } from '../chat/slash-commands.js';
import { parseFlags, refuseWords } from '../flags.js';
import { CLIENT_FLAGS, withClient, type Connection } from '../with-client.js';

export const CHAT_HELP = `longhaul chat [--url http://127.0.0.1:8000] [--api-key KEY] [--model NAME] [--system TEXT] [--temperature T] [--weights f32|int8|int4]
  Without --url a server is started for the time of the chat, of --model, with --weights. With --url, --model must be
  served there; the key may stand in LONGHAUL_API_KEY. Temperature: 0 to 2. Ctrl-C stops an answer. In the chat:
${slashHelp()}`;

/** `longhaul chat`: reads a turn, streams the answer, keeps the conversation. A refused turn is told and forgotten. */
export async function chatCommand(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, [...CLIENT_FLAGS, 'system', 'temperature']);
  refuseWords(flags);
  const { system, temperature } = flags.values;
  const conversation = new Conversation({
    system,
    temperature: temperature === undefined ? undefined : temperatureOf(temperature),
  });
  await withClient(flags, (connection) => talk(connection, conversation));
}

async function talk(connection: Connection, conversation: Conversation): Promise<void> {
  const interactive = process.stdin.isTTY === true;
  const terminal = createInterface({ input: process.stdin, output: process.stderr, terminal: interactive });
  let open = true;
  terminal.once('close', () => (open = false));
  process.stderr.write(`Talking to ${connection.model}. /help lists commands, /exit leaves.\n`);
  try {
    for await (const turn of readTurns(terminal, { interactive, isOpen: () => open })) {
      if (turn.trim() === '') continue;
      const done = slashCommand(turn, { conversation, model: connection.model, url: connection.url });
      if (done?.leaves) return;
      if (done) process.stderr.write(`${done.text}\n`);
      else if (!(await ask(turn.replace(/^\/\//, '/'), { connection, conversation, terminal })) && !interactive)
        process.exitCode = 1;
    }
  } finally {
    terminal.close();
  }
}

/** @returns false when the server refused. */
async function ask(
  text: string,
  { connection, conversation, terminal }: { connection: Connection; conversation: Conversation; terminal: Interface },
): Promise<boolean> {
  const { client, model } = connection;
  const temperature = conversation.temperature === undefined ? {} : { temperature: conversation.temperature };
  try {
    const request = { model, messages: conversation.asking(text), ...temperature };
    conversation.keep(text, await answer({ client, terminal }, request));
    return true;
  } catch (error) {
    process.stderr.write(`Error: ${error instanceof Error ? error.message : String(error)}\n`);
    return false;
  }
}

/** Streams one answer to stdout; Ctrl-C keeps what has come so far. */
async function answer(
  { client, terminal }: { client: OpenAI; terminal: Interface },
  request: { model: string; messages: Message[]; temperature?: number },
): Promise<string> {
  const abort = new AbortController();
  const stop = () => abort.abort();
  // A terminal in raw mode hands Ctrl-C to the line reader; elsewhere it is a signal.
  terminal.once('SIGINT', stop);
  process.once('SIGINT', stop);
  let text = '';
  try {
    const stream = await client.chat.completions.create({ ...request, stream: true }, { signal: abort.signal });
    for await (const chunk of stream) {
      const piece = chunk.choices[0]?.delta.content ?? '';
      text += piece;
      process.stdout.write(piece);
    }
  } catch (error) {
    if (!abort.signal.aborted) throw error;
  } finally {
    terminal.off('SIGINT', stop);
    process.off('SIGINT', stop);
    if (text !== '') process.stdout.write('\n');
  }
  return text;
}
