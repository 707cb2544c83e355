import { type ProcessorKind } from '../processor.js';
import { lengthName, SPARSE_LENGTHS } from './sparse-cases.js';

type Phase = 'prefill' | 'decode';

/** Names of the rows; the bars are found by them. */
export const rowNames = {
  prefill: (kv: string, tokens: number): string => `cold prefill of ${lengthName(tokens)}, ${kv}, against ours dense`,
  prefillLlama: (tokens: number): string => `cold prefill of ${lengthName(tokens)}, int8, against llama.cpp`,
  prefillOpenVino: (tokens: number): string =>
    `cold prefill of ${lengthName(tokens)}, int8, against OpenVINO XATTENTION`,
  integration: (tokens: number): string => `cold prefill of ${lengthName(tokens)}, int8, integrated against whole`,
  decode: (kv: string, tokens: number): string => `decode at ${lengthName(tokens)}, ${kv}, against ours dense`,
  decodeLlama: (tokens: number): string => `decode at ${lengthName(tokens)}, int8, against llama.cpp`,
  decodeFour: (tokens: number): string => `decode 4 x at ${lengthName(tokens)}, bf16, against ours dense`,
  choosing: (phase: Phase, kv: string, tokens: number): string =>
    `choosing, share of a sparse ${phase} step at ${lengthName(tokens)}, ${kv}`,
  audit: (phase: Phase, kv: string, tokens: number): string =>
    `audit of 1 %, share of sparse ${phase} at ${lengthName(tokens)}, ${kv}`,
};

const K = 1024;

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
  ...Object.fromEntries(['bf16', 'int8'].flatMap(shareBars)),
};

function shareBars(kv: string): [string, number][] {
  const choosing = SPARSE_LENGTHS.flatMap(({ tokens }): [string, number][] => [
    [rowNames.choosing('prefill', kv, tokens), 0.2],
    [rowNames.choosing('decode', kv, tokens), 0.3],
  ]);
  return [...choosing, [rowNames.audit('prefill', kv, 32 * K), 0.05], [rowNames.audit('decode', kv, 32 * K), 0.05]];
}

/** Null where none is set: bars are for Intel processors with AVX-512 VNNI. */
export function sparseBar(name: string, processor: ProcessorKind): number | null {
  return processor === 'Intel with AVX-512 VNNI' ? (BARS[name] ?? null) : null;
}
