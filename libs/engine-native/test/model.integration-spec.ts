import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  KV_DTYPES,
  kvPageBytes,
  loadEngine,
  type KvMetadataChannel,
  type NativeKvPool,
  type NativeModel,
  type StepRequest,
} from '../src/index.js';
import { inMemory, type TestGraph } from './support/graph.js';
import { slowGraph, tableGraph } from './support/simple-graphs.js';
import { anyPool, greedy, randomFloats, stepOf } from './support/steps.js';

const WIDTH = 40;
const ROWS = 64;
const table = randomFloats(7, ROWS * WIDTH);
const engine = await loadEngine();
const open = (graph: TestGraph) => engine.createModel({ ...inMemory(graph), threads: 2, spin: false });

let pool: NativeKvPool;
let model: NativeModel;
let slow: NativeModel;

beforeAll(async () => {
  pool = anyPool(engine);
  model = open(tableGraph(table, WIDTH));
  slow = open(slowGraph(600));
  await Promise.all([model.ready, slow.ready]);
});
afterAll(async () => {
  await Promise.all([model.dispose(), slow.dispose()]);
  pool.dispose();
});

describe('a step', () => {
  it('draws from its own row, scores tokens and returns logits when asked', async () => {
    const logitRows = Int32Array.of(1, 4);
    const samples = [greedy(1, { logprobs: 2 }), greedy(0)];
    const scores = [{ row: 0, token: 3, logprobs: 1 }];
    const result = await model.step(pool, stepOf(5, { logitRows, samples, scores, wantLogits: false }));
    const row = (token: number) => [...table.subarray(token * WIDTH, (token + 1) * WIDTH)];
    const best = (values: number[]) => values.indexOf(Math.max(...values));
    const logprob = (values: number[], token: number) =>
      (values[token] ?? NaN) - Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0));
    expect(result.samples.map(({ token }) => token)).toEqual([best(row(4)), best(row(1))]);
    expect([...(result.samples[0]?.topTokens ?? [])]).toHaveLength(2);
    expect(result.samples[1]?.logprob).toBeNaN();
    expect(result.scores[0]?.logprob).toBeCloseTo(logprob(row(1), 3), 5);
    expect(result.logits).toBeNull();
  });

  it('may want no logits at all', async () => {
    const result = await model.step(pool, stepOf(5, { logitRows: new Int32Array(0) }));
    expect(result.logits).toHaveLength(0);
  });

  it('returns the logits of some rows where they are named', async () => {
    const logitRows = Int32Array.of(0, 2, 4);
    const { logits } = await model.step(pool, stepOf(5, { logitRows, wantLogits: Int32Array.of(0, 2) }));
    expect([...(logits ?? [])]).toEqual([...table.subarray(0, WIDTH), ...table.subarray(4 * WIDTH, 5 * WIDTH)]);
    expect((await model.step(pool, stepOf(5, { logitRows, wantLogits: new Int32Array(0) }))).logits).toHaveLength(0);
  });

  it('keeps its own copy of the request', async () => {
    const request = stepOf(5);
    const step = model.step(pool, request);
    request.tokenIds.fill(ROWS - 1);
    request.cuSeqlens.fill(-1);
    expect([...((await step).logits ?? [])]).toEqual([...table.subarray(0, 5 * WIDTH)]);
  });

  it('gives the same draws when there are enough of them to share out among threads', async () => {
    const width = 50_000;
    const wide = open(tableGraph(randomFloats(3, 8 * width), width));
    await wide.ready;
    const samples = Array.from({ length: 64 }, (_, i) => greedy(i % 8, { temperature: 1, seed: 5n, position: i }));
    const together = await wide.step(pool, stepOf(8, { samples, wantLogits: false }));
    for (const i of [0, 17, 63]) {
      const alone = await wide.step(pool, stepOf(8, { samples: samples.slice(i, i + 1), wantLogits: false }));
      expect(alone.samples[0]?.token).toBe(together.samples[i]?.token);
    }
    await wide.dispose();
  });

  const faults: readonly (readonly [string, Partial<StepRequest>])[] = [
    ['tokenIds', { tokenIds: new Int32Array(0) }],
    ['tokenIds', { tokenIds: Int32Array.of(0, 1, -1, 3, 4) }],
    ['cuSeqlens', { cuSeqlens: Int32Array.of(0, 4) }],
    ['cuSeqlens', { cuSeqlens: Int32Array.of(1, 5) }],
    ['cuSeqlens', { cuSeqlens: Int32Array.of(0, 2, 5) }],
    ['pastLens', { pastLens: Int32Array.of(-1) }],
    ['pastLens', { pastLens: Int32Array.of(2 ** 30) }],
    ['blockTable', { blockTable: Int32Array.of(64) }],
    ['blockTable', { blockTable: Int32Array.of(-1) }],
    ['blockTable', { blockTable: Int32Array.of(0, 1) }],
    ['blockTable', { blockTable: Int32Array.of(3, 3), blockTableWidth: 2, pastLens: Int32Array.of(13) }],
    ['blockTableWidth', { blockTableWidth: 0 }],
    ['blockTableWidth', { pastLens: Int32Array.of(12) }],
    ['ropeScale', { ropeClasses: 1 }],
    ['ropeInvFreq', { ropeInvFreq: new Float32Array(3) }],
    ['logitRows', { logitRows: Int32Array.of(5) }],
    ['logitRows', { logitRows: Int32Array.of(2, 2) }],
    ['wantLogits', { wantLogits: Int32Array.of(5) }],
    ['wantLogits', { wantLogits: Int32Array.of(1, 1) }],
    ['wantLogits', { wantLogits: 1 as unknown as boolean }],
    ['samples.row', { samples: [greedy(5)] }],
    ['samples.logprobs', { samples: [greedy(0, { logprobs: 21 })] }],
    ['scores.token', { scores: [{ row: 0, token: WIDTH, logprobs: 0 }] }],
  ];
  it.each(faults)('with a bad request is refused, naming %s', async (field, changes) => {
    await expect(model.step(pool, stepOf(5, changes))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', field });
    await expect(model.step(pool, stepOf(5))).resolves.toBeDefined();
  });

  it('with a pool of something else, or a disposed one, is refused', async () => {
    const foreign = { bytes: 99 } as NativeKvPool;
    await expect(model.step(foreign, stepOf(5))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', field: 'pool' });
    const disposed = anyPool(engine);
    disposed.dispose();
    await expect(model.step(disposed, stepOf(5))).rejects.toMatchObject({ reason: 'DISPOSED' });
  });
});

describe('a model', () => {
  const request = () => stepOf(256, { wantLogits: false, logitRows: Int32Array.of(255) });

  it('runs one step at a time', async () => {
    const first = slow.step(pool, request());
    await expect(slow.step(pool, request())).rejects.toMatchObject({ reason: 'STEP_IN_PROGRESS' });
    await first;
  });

  it('works beside other models of the process', async () => {
    const both = await Promise.all([slow.step(pool, request()), model.step(pool, stepOf(5))]);
    expect(both).toHaveLength(2);
  });

  it('ends a cancelled step and takes the next', async () => {
    const step = slow.step(pool, request());
    slow.cancel();
    await expect(step).rejects.toMatchObject({ code: 'CANCELLED' });
    slow.cancel();
    await expect(slow.step(pool, request())).resolves.toBeDefined();
  });

  it('outlives the disposal of the pool in use', async () => {
    const own = anyPool(engine);
    const step = slow.step(own, request());
    own.dispose();
    await expect(step).resolves.toBeDefined();
  });

  it('ends its step when disposed, and refuses everything after', async () => {
    const other = open(slowGraph(600));
    await other.ready;
    const step = other.step(pool, request());
    const disposed = Promise.all([other.dispose(), other.dispose()]);
    await expect(step).rejects.toMatchObject({ code: 'CANCELLED' });
    await disposed;
    await expect(other.step(pool, request())).rejects.toMatchObject({ reason: 'DISPOSED' });
  });

  it('may be disposed while it loads', async () => {
    const other = open(slowGraph(600));
    await other.dispose();
    await expect(other.step(pool, request())).rejects.toMatchObject({ reason: 'DISPOSED' });
  });

  it.each([
    ['threads', { threads: 0 }],
    ['graph', { graph: new Uint8Array(0) }],
    ['graph', { graph: 'model.onnx' as unknown as Uint8Array }],
    ['weightsDir', { weightsDir: null as unknown as string }],
  ])('with a bad %s is refused at once', (field, changes) => {
    const options = { graph: Uint8Array.of(1), weightsDir: '', threads: 1, spin: false, ...changes };
    expect(() => engine.createModel(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', field }));
  });

  it('that cannot be loaded says why, at ready and at every step', async () => {
    const missing = engine.createModel({ graph: Uint8Array.of(1, 2, 3), weightsDir: '', threads: 1, spin: false });
    await expect(missing.ready).rejects.toMatchObject({ message: expect.stringMatching(/protobuf/i) });
    await expect(missing.step(pool, stepOf(5))).rejects.toMatchObject({ reason: 'ENGINE_STATE' });
    await missing.dispose();
  });

  it('leaves nothing behind: memory is flat over loads and unloads', async () => {
    const graph = tableGraph(table, WIDTH);
    const cycle = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const one = open(graph);
        await one.ready;
        await one.step(pool, stepOf(5, { wantLogits: false }));
        await one.dispose();
      }
      return process.memoryUsage.rss();
    };
    const before = await cycle(25);
    expect((await cycle(50)) - before).toBeLessThan(16e6);
  });
});

describe('a KV pool', () => {
  it('copies pages, and refuses pages that it lacks', () => {
    pool.copyPage(0, 63);
    expect(() => pool.copyPage(0, 64)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', field: 'to' }));
    expect(() => pool.poisonPages(Int32Array.of(-1))).toThrow(expect.objectContaining({ field: 'pages' }));
  });

  it.each([
    ['layers', { layers: 0 }],
    ['kvHeads', { kvHeads: 1.5 }],
    ['headDim', { headDim: 40 }],
    ['pages', { pages: 0 }],
    ['metadata', { metadata: ['key-means'] as unknown as KvMetadataChannel[] }],
    ['metadata', { metadata: ['key-bounds', 'key-bounds'] as const }],
  ])('with bad %s is refused', (field, changes) => {
    const options = { layers: 1, kvHeads: 1, headDim: 32, pages: 4, dtype: 'bf16' as const, ...changes };
    expect(() => engine.createPool(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', field }));
  });

  it.each(KV_DTYPES)('over %s counts the metadata it keeps, in its bytes and in those of a page', (dtype) => {
    const shape = { layers: 3, kvHeads: 2, headDim: 64, dtype };
    const bounded = { ...shape, metadata: ['key-bounds'] as const };
    const bounds = engine.createPool({ ...bounded, pages: 5 });
    expect(bounds.bytes).toBe(5 * kvPageBytes(bounded));
    bounds.dispose();
    expect(kvPageBytes(bounded) - kvPageBytes(shape)).toBe(3 * 2 * 2 * 64 * 2);
  });

  it('that can never fit is refused with its size', () => {
    const options = { layers: 100, kvHeads: 32, headDim: 128, pages: 1 << 26, dtype: 'f32' as const };
    expect(() => engine.createPool(options)).toThrow(
      expect.objectContaining({ reason: 'OUT_OF_MEMORY', message: expect.stringMatching(/\d{15} bytes/) }),
    );
  });

  it('is gone after dispose', () => {
    const own = anyPool(engine);
    own.dispose();
    own.dispose();
    expect(() => own.copyPage(0, 1)).toThrow(expect.objectContaining({ reason: 'DISPOSED' }));
  });
});
