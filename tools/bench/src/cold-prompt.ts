/** A whole prompt that nobody has read before, and a short answer. */
export interface ColdPrompt {
  promptTokens: number;
  /** Tokens of the answer, the first one included; at least 2. */
  answerTokens: number;
  /** The prompt is computed in chunks of so many tokens. */
  chunkTokens: number;
  /** Ours: as of a BenchCase. */
  density?: number;
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
