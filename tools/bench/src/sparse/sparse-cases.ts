import { type ProcessorKind } from '../processor.js';

/** A length of text, and the share of it that sparse attention looks at there. */
export interface SparseLength {
  tokens: number;
  prefillDensity: number;
  decodeDensity: number;
}

const K = 1024;

/** Longer texts are looked at more sparsely: what matters of a text grows more slowly than the text. */
export const SPARSE_LENGTHS: readonly SparseLength[] = [
  { tokens: 32 * K, prefillDensity: 0.25, decodeDensity: 0.125 },
  { tokens: 64 * K, prefillDensity: 0.15, decodeDensity: 0.0625 },
  { tokens: 128 * K, prefillDensity: 0.08, decodeDensity: 0.031 },
];

/** Prompts up to so many tokens are read whole by ours; longer ones, and all of llama.cpp's, are integrated. */
export const WHOLE_TOKENS = 32 * K;

/** Tokens of a chunk of prefill. */
export const CHUNK_TOKENS = 512;

/** Depths that rates are measured at to integrate a prompt of so many tokens: the last one is where its last chunk begins. */
export function depthsOf(tokens: number): readonly number[] {
  const inner = [0, 16 * K, 32 * K, 64 * K].filter((depth) => depth < tokens - 2 * CHUNK_TOKENS);
  return [...inner, tokens - CHUNK_TOKENS];
}

export function lengthName(tokens: number): string {
  return `${tokens / K}K`;
}

/** Names of the rows; the bars are found by them. */
export const rowNames = {
  prefill: (kv: string, tokens: number): string => `cold prefill of ${lengthName(tokens)}, ${kv}, against ours dense`,
  prefillLlama: (tokens: number): string => `cold prefill of ${lengthName(tokens)}, int8, against llama.cpp`,
  prefillOpenVino: (tokens: number): string =>
    `cold prefill of ${lengthName(tokens)}, int8, against OpenVINO XATTENTION`,
  decodeLlama: (tokens: number): string => `decode at ${lengthName(tokens)}, int8, against llama.cpp`,
  decodeDense: (kv: string, tokens: number): string => `decode at ${lengthName(tokens)}, ${kv}, against ours dense`,
  decodeFour: (tokens: number): string => `decode 4 x at ${lengthName(tokens)}, bf16, against ours dense`,
  selection: (phase: string, kv: string, tokens: number): string =>
    `choosing, share of a sparse ${phase} step at ${lengthName(tokens)}, ${kv}`,
};

/** How many times the peer's rate; of shares the most that they may be. */
const BARS: Readonly<Record<string, number>> = {
  [rowNames.prefill('bf16', 32 * K)]: 1.9,
  [rowNames.prefill('bf16', 64 * K)]: 3,
  [rowNames.prefill('bf16', 128 * K)]: 5,
  [rowNames.prefill('int8', 32 * K)]: 1.7,
  [rowNames.prefill('int8', 64 * K)]: 2.7,
  [rowNames.prefill('int8', 128 * K)]: 4.2,
  [rowNames.prefillLlama(32 * K)]: 10,
  [rowNames.prefillLlama(64 * K)]: 16,
  [rowNames.prefillLlama(128 * K)]: 28,
  [rowNames.prefillOpenVino(32 * K)]: 2.5,
  [rowNames.decodeLlama(32 * K)]: 7,
  [rowNames.decodeLlama(64 * K)]: 12,
  [rowNames.decodeLlama(128 * K)]: 20,
  [rowNames.decodeFour(32 * K)]: 2.2,
  ...Object.fromEntries(
    SPARSE_LENGTHS.flatMap(({ tokens }) =>
      ['bf16', 'int8'].flatMap((kv) => [
        [rowNames.selection('prefill', kv, tokens), 0.2],
        [rowNames.selection('decode', kv, tokens), 0.3],
      ]),
    ),
  ),
};

/** Null where none is set: bars are for Intel processors with AVX-512 VNNI. */
export function sparseBar(name: string, processor: ProcessorKind): number | null {
  return processor === 'Intel with AVX-512 VNNI' ? (BARS[name] ?? null) : null;
}
