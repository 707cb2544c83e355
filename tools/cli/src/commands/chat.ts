import { createInterface, type Interface } from 'node:readline';
import type OpenAI from 'openai';
import { invalidArgument } from '@longhaul/kernel';
import { parseFlags } from '../flags.js';
import { withClient } from '../with-client.js';

export const CHAT_HELP = `longhaul chat [--url http://127.0.0.1:8000] [--model NAME] [--system TEXT] [--temperature T]
  Without --url a server is started for the time of the chat. Ctrl-C stops an answer; /exit or an empty line leaves.`;

type Message = OpenAI.Chat.ChatCompletionMessageParam;

const EXIT = '/exit';
const MAX_TEMPERATURE = 2;

/** `longhaul chat`: reads a line, streams the answer, keeps the conversation. A refused line is told and forgotten. */
export async function chatCommand(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, ['url', 'model', 'system', 'temperature', 'weights']);
  const system = flags.values['system'];
  const temperature = temperatureOf(flags.values['temperature']);
  await withClient(flags, async ({ client, model }) => {
    const messages: Message[] = system ? [{ role: 'system', content: system }] : [];
    const interactive = process.stdin.isTTY === true;
    const terminal = createInterface({ input: process.stdin, output: process.stderr, terminal: interactive });
    process.stderr.write(`Talking to ${model}. ${EXIT} or an empty line leaves.\n`);
    try {
      for await (const line of prompted(terminal)) {
        if (line.trim() === '' || line.trim() === EXIT) return;
        const turn: Message = { role: 'user', content: line };
        try {
          const request = { model, messages: [...messages, turn], ...temperature };
          messages.push(turn, { role: 'assistant', content: await answer({ client, terminal }, request) });
        } catch (error) {
          process.stderr.write(`Error: ${error instanceof Error ? error.message : String(error)}\n`);
          if (!interactive) process.exitCode = 1;
        }
      }
    } finally {
      terminal.close();
    }
  });
}

function temperatureOf(text: string | undefined): { temperature?: number } {
  if (text === undefined) return {};
  const temperature = Number(text);
  if (text !== '' && temperature >= 0 && temperature <= MAX_TEMPERATURE) return { temperature };
  throw invalidArgument('--temperature', `--temperature must be a number from 0 to ${MAX_TEMPERATURE}.`);
}

/** The lines of the input, each asked for with a prompt; none is lost that comes while an answer is being written. */
async function* prompted(terminal: Interface): AsyncGenerator<string, void> {
  let open = true;
  terminal.once('close', () => (open = false));
  terminal.setPrompt('> ');
  terminal.prompt();
  for await (const line of terminal) {
    yield line;
    // At the end of the input lines may be left that have been read already.
    if (open) terminal.prompt();
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
