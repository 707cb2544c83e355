/** One thing measured on both sides. */
export interface BenchCase {
  name: string;
  kind: 'prefill' | 'decode';
  /** Tokens in each sequence's KV before the measured tokens. */
  depth: number;
  sequences: number;
  /** prefill: tokens of the chunk; decode: measured tokens of each sequence. */
  tokens: number;
  /** Ours: how it attends; absent: densely. */
  sparsity?: Sparsity;
}

/** How attention of ours is asked to look at what it sees. */
export interface Sparsity {
  /** Share of what is visible that is looked at, 0 to 1. */
  density: number;
  /** Share of the queries that are computed densely as well, as by `--audit-share`; absent: none. */
  auditShare?: number;
}

const K = 1024;
const prefill = (depth: number): BenchCase => ({
  name: `prefill 512 at ${depth / K}K`,
  kind: 'prefill',
  depth,
  sequences: 1,
  tokens: 512,
});
const decode = (depth: number): BenchCase => ({
  name: `decode at ${depth / K}K`,
  kind: 'decode',
  depth,
  sequences: 1,
  tokens: 24,
});

/** The 0.5B shape; its bars depend on the processor and on the KV type: peer-bars.ts. */
export const HALF_BILLION_CASES: readonly BenchCase[] = [
  prefill(0),
  prefill(16 * K),
  prefill(32 * K),
  decode(0),
  decode(16 * K),
  decode(32 * K),
  { name: 'decode 4 x at 4K', kind: 'decode', depth: 4 * K, sequences: 4, tokens: 24 },
];

/** The default model has no bars; its depths stay within its context of 8K. */
export const DEFAULT_MODEL_CASES: readonly BenchCase[] = [prefill(0), prefill(4 * K), decode(0), decode(4 * K)];

/** Result of one run of a case. */
export interface Measured {
  /** Over all sequences. */
  tokensPerSecond: number;
  /** Peak resident memory of the process so far. */
  rssBytes: number;
  /** Of a sparse case of ours: how much of the time went into scoring and choosing, 0 to 1. */
  selectionShare?: number;
  /** Of a sparse case of ours: share of the visible pages that was really read. */
  readShare?: number;
}

/** Tokens that are not special in any of the models: ids are drawn from a fixed sequence. */
export function someTokens(count: number, vocab: number, seed = 1): number[] {
  const low = Math.min(300, vocab >> 2);
  return Array.from({ length: count }, (_, i) => low + (((i + seed) * 2654435761) % (vocab - low)));
}
