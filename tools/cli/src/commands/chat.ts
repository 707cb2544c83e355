import { createInterface } from 'node:readline/promises';
import type OpenAI from 'openai';
import { parseFlags } from '../flags.js';
import { withClient } from '../with-client.js';

export const CHAT_HELP = `longhaul chat [--url http://127.0.0.1:8000] [--model NAME] [--system TEXT] [--temperature T]
  Without --url a server is started for the time of the chat. Ctrl-C stops an answer; an empty line leaves.`;

type Message = OpenAI.Chat.ChatCompletionMessageParam;

/** `longhaul chat`: reads a line, streams the answer, keeps the conversation. */
export async function chatCommand(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, ['url', 'model', 'system', 'temperature', 'weights']);
  const system = flags.values['system'];
  const temperature = flags.values['temperature'];
  await withClient(flags, async ({ client, model }) => {
    const messages: Message[] = system ? [{ role: 'system', content: system }] : [];
    const terminal = createInterface({
      input: process.stdin,
      output: process.stderr,
      terminal: process.stdin.isTTY === true,
    });
    process.stderr.write(`Talking to ${model}. An empty line leaves.\n`);
    try {
      for (;;) {
        const line = await ask(terminal);
        if (line === null || line.trim() === '') return;
        messages.push({ role: 'user', content: line });
        const request = { model, messages, ...(temperature ? { temperature: Number(temperature) } : {}) };
        messages.push({ role: 'assistant', content: await answer(client, request) });
      }
    } finally {
      terminal.close();
    }
  });
}

/** null at the end of the input. */
async function ask(terminal: ReturnType<typeof createInterface>): Promise<string | null> {
  const ended = new Promise<null>((resolve) => terminal.once('close', () => resolve(null)));
  return Promise.race([terminal.question('> ').catch(() => null), ended]);
}

async function answer(client: OpenAI, request: { model: string; messages: Message[] }): Promise<string> {
  const abort = new AbortController();
  const stop = () => abort.abort();
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
    process.off('SIGINT', stop);
    process.stdout.write('\n');
  }
  return text;
}
