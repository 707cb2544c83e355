import { indexOfLargest, type PackageRunner, type RunnerSequence } from '@longhaul/testing';

/** Tokens of a prompt that are computed at once: a multiple of the query blocks that policies choose for. */
const CHUNK_TOKENS = 512;

/** What is read: a prompt, and how many positions at its end and behind it are looked at. */
export interface Excerpt {
  readonly prompt: readonly number[];
  /** Positions at the end of the prompt, and most tokens of the answer. */
  readonly positions: number;
  readonly vocabSize: number;
}

/** Logits over a prompt's end, its last position included, and over an answer behind it, whose last token has none. */
export interface Reading {
  /** Greedy under dense attention, up to an end token. */
  readonly answer: readonly number[];
  /** [positions, vocabSize] */
  readonly prompt: Float32Array;
  /** [answer - 1, vocabSize] */
  readonly behind: Float32Array;
}

/** Reads a prompt and answers it greedily. @param ends tokens that end an answer. */
export async function readAnswering(
  runner: PackageRunner,
  sequence: RunnerSequence,
  excerpt: Excerpt & { readonly ends: readonly number[] },
): Promise<Reading> {
  const prompt = await readPrompt(runner, sequence, excerpt);
  const answer = [indexOfLargest(prompt.subarray(prompt.length - excerpt.vocabSize))];
  const rows: Float32Array[] = [];
  for (let last = answer[0] ?? 0; answer.length < excerpt.positions && !excerpt.ends.includes(last);) {
    const row = await runner.step([{ sequence, tokens: [last], logitsOf: [0] }]);
    rows.push(row);
    last = indexOfLargest(row);
    answer.push(last);
  }
  return { answer, prompt, behind: joined(rows, excerpt.vocabSize) };
}

/** Reads a prompt and an answer that is given: errors do not part the texts. One token of the answer a step. */
export async function readForced(
  runner: PackageRunner,
  sequence: RunnerSequence,
  excerpt: Excerpt & { readonly answer: readonly number[] },
): Promise<Reading> {
  const prompt = await readPrompt(runner, sequence, excerpt);
  const rows: Float32Array[] = [];
  for (const token of excerpt.answer.slice(0, -1))
    rows.push(await runner.step([{ sequence, tokens: [token], logitsOf: [0] }]));
  return { answer: excerpt.answer, prompt, behind: joined(rows, excerpt.vocabSize) };
}

async function readPrompt(
  runner: PackageRunner,
  sequence: RunnerSequence,
  { prompt, positions, vocabSize }: Excerpt,
): Promise<Float32Array> {
  const first = Math.max(0, prompt.length - positions);
  const rows: Float32Array[] = [];
  for (let from = 0; from < prompt.length; from += CHUNK_TOKENS) {
    const tokens = prompt.slice(from, from + CHUNK_TOKENS);
    const logitsOf = tokens.map((_, i) => i).filter((i) => from + i >= first);
    const logits = await runner.step([{ sequence, tokens, logitsOf }]);
    if (logitsOf.length > 0) rows.push(logits);
  }
  return joined(rows, vocabSize);
}

function joined(parts: readonly Float32Array[], vocabSize: number): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  if (all.length % vocabSize !== 0) throw new RangeError('Logits are not whole rows.');
  return all;
}
