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

/** What is measured once is measured at this length: four sequences, the audit, and a prompt both whole and integrated. */
export const SHORTEST_TOKENS = 32 * K;

/** Share of the queries that is audited where the cost of that is measured. */
export const AUDIT_SHARE = 0.01;

/** Prompts up to so many tokens are read whole by ours with int8 KV, and by OpenVINO. All others are integrated. */
export const WHOLE_TOKENS = SHORTEST_TOKENS;

/** Tokens of a chunk of prefill. */
export const CHUNK_TOKENS = 512;

/** Where the last chunk of a prompt begins. */
export function lastDepth(tokens: number): number {
  return tokens - CHUNK_TOKENS;
}

/** Depths at which rates are measured, for whatever length: llama.cpp, which takes minutes at the deepest, does each once. */
const DEPTHS: readonly number[] = [0, 16 * K, ...SPARSE_LENGTHS.map(({ tokens }) => lastDepth(tokens))];

/** Those that a prompt of so many tokens, one of SPARSE_LENGTHS, is integrated from. */
export function depthsOf(tokens: number): readonly number[] {
  return DEPTHS.filter((depth) => depth <= lastDepth(tokens));
}

/** `32K`, or `31.5K` for where its last chunk begins. */
export function lengthName(tokens: number): string {
  return tokens === 0 ? '0' : `${tokens / K}K`;
}
