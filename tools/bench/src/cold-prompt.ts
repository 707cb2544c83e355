import { type Sparsity } from './cases.js';

/** A whole prompt that nobody has read before, and a short answer. */
export interface ColdPrompt {
  promptTokens: number;
  /** Tokens of the answer, the first one included; at least 2. */
  answerTokens: number;
  /** The prompt is computed in chunks of so many tokens. */
  chunkTokens: number;
}

/** A prompt of ours that is read under several kinds of attention at once: each chunk is computed under all of them before the next one. */
export interface PairedPrompt {
  promptTokens: number;
  chunkTokens: number;
  /** `dense`, or how much is looked at. */
  variants: readonly (Sparsity | 'dense')[];
}

export interface ColdPromptTimes {
  /** From the request to the first token. */
  firstTokenSeconds: number;
  /** Mean of each token after it. */
  tokenSeconds: number;
}

export const PROMPT_ANSWER_TOKENS = 17;
export const PROMPT_CHUNK_TOKENS = 512;

/** The two cases that one prompt measures; names of whole prompts of 16K have bars. */
export function promptCaseNames({ promptTokens }: ColdPrompt): { first: string; after: string } {
  const length = promptTokens % 1024 === 0 ? `${promptTokens / 1024}K` : String(promptTokens);
  const prompt = `cold prompt of ${length}`;
  return { first: `${prompt}, until the first token`, after: `${prompt}, tokens after it` };
}

/** Both as tokens per second, prompt tokens and answer tokens. */
export function promptRates(prompt: ColdPrompt, times: ColdPromptTimes): { first: number; after: number } {
  return { first: prompt.promptTokens / times.firstTokenSeconds, after: 1 / times.tokenSeconds };
}
