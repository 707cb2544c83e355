import { readdirSync, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OUT = fileURLToPath(new URL('../../../tools/goldens/out', import.meta.url));

/** What transformers computed for a tiny checkpoint of one family. */
export interface Golden {
  /** Directory of the checkpoint. */
  dir: string;
  family: string;
  promptTokens: readonly number[];
  /** Rows of `logits`. */
  positions: readonly number[];
  vocabSize: number;
  /** [positions, vocabSize] */
  logits: Float32Array;
}

/** Names of all family goldens. */
export const goldenCases: readonly string[] = readdirSync(OUT)
  .filter((name) => existsSync(join(OUT, name, 'golden.json')))
  .sort();

export async function readGolden(name: string): Promise<Golden> {
  const dir = join(OUT, name);
  const golden = JSON.parse(await readFile(join(dir, 'golden.json'), 'utf8')) as Omit<Golden, 'dir' | 'logits'>;
  const bytes = await readFile(join(dir, 'logits.bin'));
  return { ...golden, dir, logits: new Float32Array(new Uint8Array(bytes).buffer) };
}

/** Largest absolute difference; NaN if one is missing. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.NaN;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] as number) - (b[i] as number));
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

/** Share of rows in which both have the same largest logit. */
export function topAgreement(a: ArrayLike<number>, b: ArrayLike<number>, columns: number): number {
  const rows = a.length / columns;
  let equal = 0;
  for (let row = 0; row < rows; row++) if (argmax(a, row, columns) === argmax(b, row, columns)) equal++;
  return equal / rows;
}

/** Where the largest logits differ: by how much `expected` prefers its own choice, at most over the rows; 0 if nowhere. */
export function largestFlippedMargin(values: ArrayLike<number>, expected: ArrayLike<number>, columns: number): number {
  let largest = 0;
  for (let row = 0; row < expected.length / columns; row++) {
    const own = row * columns + argmax(expected, row, columns);
    const other = row * columns + argmax(values, row, columns);
    largest = Math.max(largest, (expected[own] as number) - (expected[other] as number));
  }
  return largest;
}

/** Root mean square of the difference over that of the expected values. */
export function relativeError(values: ArrayLike<number>, expected: ArrayLike<number>): number {
  let error = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    error += ((values[i] as number) - (expected[i] as number)) ** 2;
    norm += (expected[i] as number) ** 2;
  }
  return Math.sqrt(error / norm);
}

export function argmax(values: ArrayLike<number>, row: number, columns: number): number {
  let best = 0;
  const start = row * columns;
  for (let i = 1; i < columns; i++) if ((values[start + i] as number) > (values[start + best] as number)) best = i;
  return best;
}
