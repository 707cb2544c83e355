import type { TokenizerFiles } from '@longhaul/inference';
import { AppError } from '@longhaul/kernel';
import { createTokenizer, type ChatMessage } from '@longhaul/tokenizer';
import { createTextSandbox, type TextSandbox } from './text-sandbox.js';

const PROBE_UNITS = 4096;
/** Texts that make expressions go back and forth: long runs that almost match. */
const PROBE_TEXTS: readonly string[] = [
  ...['a', '0', ' ', '\n', '!', 'é', 'aA', 'a ', ' \n'].map(
    (part) => `${part.repeat(PROBE_UNITS / part.length)}\u0000`,
  ),
  "It's 12,345 words — naïve café, 日本語, עברית, 🙂; \tthen\r\n\r\n  done.",
];
const TURNS: readonly ChatMessage[] = [
  { role: 'user', content: 'What is the capital of France?' },
  { role: 'assistant', content: 'Paris.' },
  { role: 'user', content: 'And of Spain? Answer in one word.' },
];
const PROBE_CHATS: readonly (readonly ChatMessage[])[] = [
  TURNS,
  [{ role: 'system', content: 'You answer briefly.' }, ...TURNS],
];
const OPTIONS = { addGenerationPrompt: true, continueFinalMessage: false, variables: {} };
/** How a template that was ended says so; a refusal of its own has no such detail. */
const BUDGET_DETAILS = ['timeMs', 'heapMib', 'steps', 'units'];

/**
 * Looks at the tokenizer and the chat template of a checkpoint before it is imported.
 *
 * @throws AppError of `createTokenizer`; UNSUPPORTED_TOKENIZER where an expression, UNSUPPORTED_CHAT_TEMPLATE where the
 *   template takes too long or too much memory for a short text. A template that refuses the conversation or cannot be
 *   parsed is no reason to refuse the model, which can still complete plain prompts.
 */
export async function probeTokenizer(files: TokenizerFiles): Promise<void> {
  const tokenizer = createTokenizer(files);
  const sandbox = createTextSandbox(files, tokenizer);
  try {
    if (tokenizer.foreignPatterns.length > 0) await probeTexts(sandbox, tokenizer.foreignPatterns);
    await probeChats(sandbox);
  } finally {
    sandbox.close();
  }
}

async function probeTexts(sandbox: TextSandbox, patterns: readonly string[]): Promise<void> {
  for (const text of PROBE_TEXTS) {
    await sandbox.encode(text, { addSpecialTokens: false, parseSpecial: false }).catch((cause: unknown) => {
      const { reason, message } = AppError.from(cause);
      if (reason !== 'TOKENIZER_PATTERN_FAILED') throw cause;
      const shown = patterns.map((pattern) => JSON.stringify(pattern.slice(0, 200))).slice(0, 4);
      throw refused('UNSUPPORTED_TOKENIZER', `tokenizer.json: ${shown.join(', ')}: ${message}`, cause);
    });
  }
}

async function probeChats(sandbox: TextSandbox): Promise<void> {
  for (const messages of PROBE_CHATS) {
    await sandbox.prompt(messages, OPTIONS).catch((cause: unknown) => {
      const { reason, message, details } = AppError.from(cause);
      const overBudget = BUDGET_DETAILS.some((key) => details !== undefined && key in details);
      if (reason !== 'CHAT_TEMPLATE_FAILED' || !overBudget) return;
      throw refused('UNSUPPORTED_CHAT_TEMPLATE', `For a conversation of three short messages: ${message}`, cause);
    });
  }
}

function refused(reason: string, message: string, cause: unknown): AppError {
  return new AppError({ code: 'UNIMPLEMENTED', reason, message, field: 'source', cause });
}
