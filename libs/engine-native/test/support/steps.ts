import type { Engine, NativeKvPool, SampleSpec, StepRequest, StepResult } from '../../src/index.js';
import { inMemory, type TestGraph } from './graph.js';

/** A step of one sequence of `tokens` tokens from position 0 on, all rows wanted, with what `changes` says. */
export function stepOf(tokens: number, changes: Partial<StepRequest> = {}): StepRequest {
  const pages = Math.max(1, Math.ceil(tokens / 16));
  return {
    tokenIds: Int32Array.from({ length: tokens }, (_, i) => i),
    cuSeqlens: Int32Array.of(0, tokens),
    pastLens: Int32Array.of(0),
    blockTable: Int32Array.from({ length: pages }, (_, i) => i),
    blockTableWidth: pages,
    ropeInvFreq: new Float32Array(0),
    ropeScale: new Float32Array(0),
    ropeClasses: 0,
    logitRows: Int32Array.from({ length: tokens }, (_, i) => i),
    samples: [],
    scores: [],
    wantLogits: true,
    ...changes,
  };
}

export function greedy(row: number, changes: Partial<SampleSpec> = {}): SampleSpec {
  return {
    row,
    temperature: 0,
    topP: 1,
    topK: 0,
    minP: 0,
    repetitionPenalty: 1,
    presencePenalty: 0,
    frequencyPenalty: 0,
    seenTokens: new Int32Array(0),
    seenCounts: new Int32Array(0),
    biasTokens: new Int32Array(0),
    biasValues: new Float32Array(0),
    bannedTokens: new Int32Array(0),
    seed: 0n,
    stream: 0,
    position: 0,
    logprobs: -1,
    ...changes,
  };
}

/** Pages for graphs that have no attention, where only the range of page numbers counts. */
export function anyPool(engine: Engine, pages = 64): NativeKvPool {
  return engine.createPool({ layers: 1, kvHeads: 1, headDim: 32, pages, dtype: 'bf16' });
}

export interface RunOnce {
  engine: Engine;
  graph: TestGraph;
}

/** Loads a graph, runs one step in a pool of its own, and unloads it. */
export async function runOnce({ engine, graph }: RunOnce, request: StepRequest): Promise<StepResult> {
  const pool = anyPool(engine);
  const model = engine.createModel({ ...inMemory(graph), threads: 2, spin: false });
  try {
    await model.ready;
    return await model.step(pool, request);
  } finally {
    await model.dispose();
    pool.dispose();
  }
}

/** Uniform numbers in [-1, 1) from a 32-bit seed (xorshift). */
export function randomFloats(seed: number, length: number): Float32Array {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 31 - 1;
  };
  return Float32Array.from({ length }, next);
}

/** Largest |a - b|; NaN anywhere gives NaN. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`lengths ${a.length} and ${b.length}`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] ?? NaN) - (b[i] ?? NaN));
    if (!(difference <= largest)) largest = difference;
    if (Number.isNaN(difference)) return NaN;
  }
  return largest;
}
