import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { kvPageBytes, loadEngine, NO_PAGE, type NativeKvPool, type NativeModel } from '../src/index.js';
import { AttentionCase, attentionGraph } from './support/attention-case.js';
import type { AttentionShape } from './support/attention-reference.js';
import { inMemory, integers, node, type TestGraph } from './support/graph.js';
import { slowGraph } from './support/simple-graphs.js';
import { anyPool, randomFloats, stepOf } from './support/steps.js';

const shape: AttentionShape = {
  ...{ heads: 4, kvHeads: 2, headDim: 32, ropeDim: 0, window: 0, softcap: 0, scale: 0.2, normEps: 1e-5 },
  ...{ qNorm: null, kNorm: null, sinks: null },
};
const TOKENS = 20;
const COLUMNS = (shape.heads + 2 * shape.kvHeads) * shape.headDim;
const engine = await loadEngine();
const open = (graph: TestGraph): NativeModel => engine.createModel({ ...inMemory(graph), threads: 2, spin: false });

/** One attention layer that looks for its step under the handle of its own plus `offset`. */
function astray(offset: number): TestGraph {
  const { nodes, initializers = [], width } = attentionGraph(shape, randomFloats(1, TOKENS * COLUMNS));
  const redirected = nodes.map((one) =>
    one.op === 'PagedAttention'
      ? { ...one, inputs: one.inputs.map((input) => (input === 'step_context' ? 'handle' : input)) }
      : one,
  );
  return {
    nodes: [node('Add', ['step_context', 'offset'], 'handle', {}, ''), ...redirected],
    initializers: [...initializers, integers('offset', [offset])],
    width,
  };
}

describe('the context of a step', () => {
  let pool: NativeKvPool;
  beforeAll(() => {
    pool = engine.createPool({ layers: 1, kvHeads: shape.kvHeads, headDim: shape.headDim, pages: 8, dtype: 'f32' });
  });
  afterAll(() => pool.dispose());

  it.each([
    ['of the step before, which has ended', -1],
    ['that no step has had', 2 ** 40],
  ])('is refused by its operators under a handle %s', async (_, offset) => {
    const model = open(astray(offset));
    await model.ready;
    for (let i = 0; i < 2; i++) {
      await expect(model.step(pool, stepOf(TOKENS))).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(/step_context: no step with handle \d+ runs/),
      });
    }
    await model.dispose();
  });

  it('belongs to one model: two that run at once compute what each computes alone', async () => {
    const cases = [3, 4].map((seed) => new AttentionCase({ engine, shape, lengths: [40, 9], dtype: 'f32', seed }));
    const run = (one: AttentionCase) => one.run(one.sequences, [[20, 9], ...Array.from({ length: 20 }, () => [1, 0])]);
    await Promise.all(cases.map(({ model }) => model.ready));
    const alone = [];
    for (const one of cases) alone.push(await run(one));
    expect(await Promise.all(cases.map(run))).toEqual(alone);
    for (const one of cases) await one.dispose();
  });
});

describe('tables per KV head', () => {
  let subject: AttentionCase;
  beforeAll(async () => {
    subject = new AttentionCase({ engine, shape, lengths: [30, 17], dtype: 'f32', seed: 5 });
    await subject.model.ready;
  });
  afterAll(() => subject.dispose());
  const request = (past: readonly number[], fresh: readonly number[]) =>
    subject.request(subject.sequences, past, fresh);
  /** Sequence 0 has two pages, in tables of three: the second head has them the other way round. */
  const crossed = (): Int32Array => {
    const [first = 0, second = 0] = subject.sequences[0]?.pages ?? [];
    return Int32Array.of(first, second, NO_PAGE, second, first, NO_PAGE);
  };

  it('let the heads of a sequence hold pages of their own, and of some of them only', async () => {
    const { logits } = await subject.model.step(subject.pool, request([0, 0], [30, 17]));
    const apart = { headTables: [{ sequence: 0, pages: crossed() }] };
    const same = await subject.model.step(subject.pool, { ...request([0, 0], [30, 17]), ...apart });
    expect(same.logits).toEqual(logits);
    expect(same.attention.kvReadBytes).toBe(4 * kvPageBytes({ layers: 1, kvHeads: 2, headDim: 32, dtype: 'f32' }));
    const all = await subject.model.step(subject.pool, { ...request([29, 16], [1, 1]), ...apart });
    const pages = crossed();
    pages[3] = NO_PAGE;
    const fewer = await subject.model.step(subject.pool, {
      ...request([29, 16], [1, 1]),
      headTables: [{ sequence: 0, pages }],
    });
    const half = (shape.heads * shape.headDim) / 2;
    const [before, after] = [[...(all.logits ?? [])], [...(fewer.logits ?? [])]];
    expect(after.slice(0, half)).toEqual(before.slice(0, half));
    expect(after.slice(half, 2 * half)).not.toEqual(before.slice(half, 2 * half));
    expect(after.slice(2 * half)).toEqual(before.slice(2 * half));
    expect(all.attention.kvReadBytes - fewer.attention.kvReadBytes).toBe(
      kvPageBytes({ layers: 1, kvHeads: 1, headDim: 32, dtype: 'f32' }),
    );
  });

  it.each([
    ['of a sequence that there is not', () => [{ sequence: 2, pages: crossed() }]],
    ['twice for one sequence', () => [0, 0].map((sequence) => ({ sequence, pages: crossed() }))],
    ['with rows missing', () => [{ sequence: 0, pages: crossed().subarray(1) }]],
    ['with a page outside the pool', () => [{ sequence: 0, pages: crossed().fill(999) }]],
    ['without a page for new tokens', () => [{ sequence: 0, pages: crossed().fill(NO_PAGE) }]],
    ['with one page for two runs of new tokens', () => [{ sequence: 0, pages: crossed().fill(1) }]],
  ])('%s are refused', async (_, headTables) => {
    const step = { ...request([0, 0], [30, 17]), headTables: headTables() };
    await expect(subject.model.step(subject.pool, step)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      field: 'headTables',
    });
  });
});

describe('the statistics of a step', () => {
  it('say which pages its attention had to look at', async () => {
    const subject = new AttentionCase({ engine, shape, lengths: [30, 17], dtype: 'f32', seed: 5 });
    await subject.model.ready;
    const pageBytes = kvPageBytes({ layers: 1, kvHeads: shape.kvHeads, headDim: shape.headDim, dtype: 'f32' });
    const read = async (past: readonly number[], advance: readonly number[]) =>
      (await subject.model.step(subject.pool, subject.request(subject.sequences, past, advance))).attention;
    expect(await read([0, 0], [29, 16])).toEqual({
      layers: 1,
      kvReadBytes: (2 + 1) * pageBytes,
      selectMs: 0,
      scoreBytes: 0,
      sequences: [],
    });
    expect(await read([29, 16], [1, 1])).toEqual({
      layers: 1,
      kvReadBytes: (2 + 2) * pageBytes,
      selectMs: 0,
      scoreBytes: 0,
      sequences: [],
    });
    expect(await read([29, 16], [0, 1])).toEqual({
      layers: 1,
      kvReadBytes: 2 * pageBytes,
      selectMs: 0,
      scoreBytes: 0,
      sequences: [],
    });
    await subject.dispose();
  });

  it('tell how far a step is while it runs, and nothing between steps', async () => {
    const pool = anyPool(engine);
    const model = open(slowGraph(300));
    await model.ready;
    expect(model.layersDone).toBeNull();
    const step = model.step(pool, stepOf(256, { wantLogits: false, logitRows: Int32Array.of(255) }));
    while (model.layersDone === null) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(model.layersDone).toBe(0);
    expect((await step).attention).toEqual({ layers: 0, kvReadBytes: 0, selectMs: 0, scoreBytes: 0, sequences: [] });
    expect(model.layersDone).toBeNull();
    await model.dispose();
    pool.dispose();
  });
});
