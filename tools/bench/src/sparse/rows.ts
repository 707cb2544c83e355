import { type BenchKv } from '../options.js';
import { type Measurements } from './measurements.js';
import { rowNames, type SparseLength, WHOLE_TOKENS } from './sparse-cases.js';

/** What `--json` writes, one a case: tokens per second, or a share of the time that ought to be small. */
export interface SparseRow {
  case: string;
  ours: number;
  /** Null of shares. */
  peer: number | null;
  /** Ours over the peer; the share itself. */
  ratio: number;
  bar: number | null;
  met: boolean | null;
  density: number;
}

/** A row that can be measured. */
export interface PlannedRow {
  name: string;
  density: number;
  /** Peer: tokens per second; null: `ours` is a share, and the bar is the most that it may be. */
  measure(measurements: Measurements): Promise<{ ours: number; peer: number | null }>;
}

/** In an order that opens each engine once. */
export function rowsOf(lengths: readonly SparseLength[]): PlannedRow[] {
  const kinds = [
    (length: SparseLength) => oursRows('bf16', length),
    fourRows,
    (length: SparseLength) => oursRows('int8', length),
    llamaRows,
    openVinoRows,
  ];
  return kinds.flatMap((rows) => lengths.flatMap(rows));
}

function oursRows(kv: BenchKv, { tokens, prefillDensity, decodeDensity }: SparseLength): PlannedRow[] {
  const rate = (m: Measurements, density?: number): Promise<number> =>
    tokens <= WHOLE_TOKENS ? m.whole(kv, tokens, density) : m.integrated(kv, tokens, density);
  return [
    {
      name: rowNames.prefill(kv, tokens),
      density: prefillDensity,
      measure: async (m) => ({ ours: await rate(m, prefillDensity), peer: await rate(m) }),
    },
    {
      name: rowNames.decodeDense(kv, tokens),
      density: decodeDensity,
      measure: async (m) => ({
        ours: (await m.decode(kv, tokens, decodeDensity)).tokensPerSecond,
        peer: (await m.decode(kv, tokens)).tokensPerSecond,
      }),
    },
    {
      name: rowNames.selection('prefill', kv, tokens),
      density: prefillDensity,
      measure: async (m) => shareOf(await m.prefill(kv, tokens - 512, prefillDensity)),
    },
    {
      name: rowNames.selection('decode', kv, tokens),
      density: decodeDensity,
      measure: async (m) => shareOf(await m.decode(kv, tokens, decodeDensity)),
    },
  ];
}

function shareOf({ selectionShare = 0 }: { selectionShare?: number }): { ours: number; peer: null } {
  return { ours: selectionShare, peer: null };
}

function fourRows({ tokens, decodeDensity }: SparseLength): PlannedRow[] {
  if (tokens > WHOLE_TOKENS) return [];
  return [
    {
      name: rowNames.decodeFour(tokens),
      density: decodeDensity,
      measure: async (m) => ({
        ours: (await m.decodeFour('bf16', tokens, decodeDensity)).tokensPerSecond,
        peer: (await m.decodeFour('bf16', tokens)).tokensPerSecond,
      }),
    },
  ];
}

function int8Prefill(measurements: Measurements, { tokens, prefillDensity }: SparseLength): Promise<number> {
  return tokens <= WHOLE_TOKENS
    ? measurements.whole('int8', tokens, prefillDensity)
    : measurements.integrated('int8', tokens, prefillDensity);
}

function llamaRows(length: SparseLength): PlannedRow[] {
  const { tokens, prefillDensity, decodeDensity } = length;
  return [
    {
      name: rowNames.prefillLlama(tokens),
      density: prefillDensity,
      measure: async (m) => ({ ours: await int8Prefill(m, length), peer: await m.integrated('llama.cpp', tokens) }),
    },
    {
      name: rowNames.decodeLlama(tokens),
      density: decodeDensity,
      measure: async (m) => ({
        ours: (await m.decode('int8', tokens, decodeDensity)).tokensPerSecond,
        peer: (await m.decode('llama.cpp', tokens)).tokensPerSecond,
      }),
    },
  ];
}

function openVinoRows(length: SparseLength): PlannedRow[] {
  const { tokens, prefillDensity } = length;
  if (tokens > WHOLE_TOKENS) return [];
  return [
    {
      name: rowNames.prefillOpenVino(tokens),
      density: prefillDensity,
      measure: async (m) => ({ ours: await int8Prefill(m, length), peer: await m.openVino(tokens) }),
    },
  ];
}
