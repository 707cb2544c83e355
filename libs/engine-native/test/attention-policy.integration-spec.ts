import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadEngine, type AttentionPolicyOptions, type StepRequest } from '../src/index.js';
import { AttentionCase } from './support/attention-case.js';
import type { AttentionShape } from './support/attention-reference.js';
import { densePlan, maskPlan, policyOf } from './support/policies.js';

const shape: AttentionShape = {
  ...{ heads: 4, kvHeads: 2, headDim: 32, ropeDim: 0, window: 0, softcap: 0, scale: 0.2, normEps: 1e-5 },
  ...{ qNorm: null, kNorm: null, sinks: null },
};
const engine = await loadEngine();
const model = { layers: 1, kvHeads: 2 };
const masked = policyOf(model, maskPlan(2, 20), maskPlan(0, 5));

describe('an attention policy', () => {
  const changed = (changes: Partial<AttentionPolicyOptions>): AttentionPolicyOptions => ({ ...masked, ...changes });
  const withPlan = (changes: object) => changed({ plans: [densePlan, { ...maskPlan(2, 20), ...changes }] });

  it.each<[string, AttentionPolicyOptions]>([
    ['layers', changed({ layers: 0 })],
    ['kvHeads', changed({ kvHeads: 1.5 })],
    ['plans', changed({ plans: [] })],
    ['table', changed({ table: Uint8Array.of(0, 0, 1, 2) })],
    ['table', changed({ table: Uint8Array.of(0, 0, 1) })],
    ['table', changed({ table: [0, 0, 1, 1] as unknown as Uint8Array })],
    ['skipSoftmax', changed({ skipSoftmax: -1 })],
    ['labels.r', changed({ labels: { channels: new Int32Array(), r: 300 } })],
    ['plans[1].rule', withPlan({ rule: 'some' })],
    ['plans[1].windowTokens', withPlan({ windowTokens: 0 })],
    ['plans[1].sinkTokens', withPlan({ sinkTokens: -1 })],
    ['plans[1].denseBelow', withPlan({ denseBelow: 0.5 })],
    ['plans[1].unitTokens', withPlan({ unitTokens: 24 })],
    ['plans[1].scorer', withPlan({ scorer: 'key-bounds' })],
    ['plans[1].mass', withPlan({ mass: '1' })],
    ['plans[1].boundRadius', withPlan({ rule: 'top-k', scorer: 'key-bounds', budgetTokens: 64, boundRadius: 1.5 })],
    ['plans[1].headReduce', withPlan({ rule: 'top-cdf', scorer: 'keys', unitTokens: 1, mass: 0.5, headReduce: 'sum' })],
    ['plans[1].summary', withPlan({ summary: 1 })],
  ])('is refused for a bad %s', (field, options) => {
    expect(() => engine.createAttentionPolicy(options)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', field }),
    );
  });
});

describe('the attention of a sequence', () => {
  let subject: AttentionCase;
  beforeAll(async () => {
    subject = new AttentionCase({ engine, shape, lengths: [130, 17], dtype: 'f32', seed: 5 });
    await subject.model.ready;
  });
  afterAll(() => subject.dispose());
  const step = (changes: Partial<StepRequest>) =>
    subject.model.step(subject.pool, { ...subject.request(subject.sequences, [0, 0], [130, 17]), ...changes });
  const open = (options: AttentionPolicyOptions) => engine.createAttentionPolicy(options).openSequence();

  it('leaves out what its policy does, and nothing of its neighbours', async () => {
    const dense = await step({});
    const sparse = await step({ attention: [{ sequence: 0, state: open(masked), decodeFrom: 120 }] });
    const row = shape.heads * shape.headDim;
    const of = (logits: Float32Array | null, from: number, to: number) => logits?.slice(from * row, to * row);
    expect(of(sparse.logits, 0, 20)).toEqual(of(dense.logits, 0, 20));
    expect(of(sparse.logits, 60, 130)).not.toEqual(of(dense.logits, 60, 130));
    expect(of(sparse.logits, 130, 147)).toEqual(of(dense.logits, 130, 147));
  });

  it('is dense where the policy is, and says how much it read', async () => {
    const state = open(policyOf(model, densePlan, densePlan));
    const said = await step({ attention: [{ sequence: 1, state: state.fork(), decodeFrom: 16 }] });
    expect(said.logits).toEqual((await step({})).logits);
    const [first] = said.attention.sequences;
    // 16 queries of one page and one of two, in two KV heads.
    expect(first).toMatchObject({ prefillVisible: 32, prefillRead: 32, decodeVisible: 4, decodeRead: 4 });
    expect(first?.kvReadBytes).toBe(said.attention.kvReadBytes - (await denseBytesOfFirst()));
  });

  /** Of nine pages in two KV heads. */
  const denseBytesOfFirst = async () => (await step({})).attention.kvReadBytes - 2 * 2 * 2 * 16 * 32 * 4;

  it('counts what a mask reads', async () => {
    const state = open(masked);
    const { attention } = await step({ attention: [{ sequence: 0, state, decodeFrom: 129 }] });
    // The last query sees positions 125 to 129: pages 7 and 8.
    expect(attention.sequences[0]).toMatchObject({ decodeVisible: 18, decodeRead: 4 });
  });

  it('counts the time that goes into choosing, none where nothing is chosen', async () => {
    expect((await step({})).attention.selectMs).toBe(0);
    const { attention } = await step({ attention: [{ sequence: 0, state: open(masked), decodeFrom: 129 }] });
    expect(attention.selectMs).toBeGreaterThan(0);
  });

  it.each<[string, () => NonNullable<StepRequest['attention']>]>([
    ['attention.sequence', () => [{ sequence: 2, state: open(masked), decodeFrom: 0 }]],
    ['attention', () => [0, 0].map((sequence) => ({ sequence, state: open(masked), decodeFrom: 0 }))],
    ['attention.decodeFrom', () => [{ sequence: 0, state: open(masked), decodeFrom: -1 }]],
    ['attention.state', () => [{ sequence: 0, state: {} as never, decodeFrom: 0 }]],
    [
      'attention.state',
      () => [{ sequence: 0, state: open(policyOf({ layers: 2, kvHeads: 2 }, densePlan, densePlan)), decodeFrom: 0 }],
    ],
  ])('is refused for a bad %s', async (field, attention) => {
    await expect(async () => step({ attention: attention() })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      field,
    });
  });

  it('audits a share of its queries, and gives the same results', async () => {
    const policy = engine.createAttentionPolicy(masked);
    const run = async (share: number, key = 7n) => {
      const state = policy.openSequence({ audit: { key, share } }).fork();
      const { logits, attention } = await step({ attention: [{ sequence: 0, state, decodeFrom: 120 }] });
      return { logits, audit: attention.sequences[0]?.audit };
    };
    const none = await run(0);
    expect(none.audit).toEqual({ samples: 0, recallSum: 0, recallLeast: 1, errorSum: 0 });
    const all = await run(1);
    expect(all.logits).toEqual(none.logits);
    expect(all.audit?.samples).toBe(2 * 130);
    expect(all.audit?.recallLeast).toBeLessThan(0.5);
    expect(all.audit?.recallSum).toBeLessThan(2 * 130);
    expect(all.audit?.errorSum).toBeGreaterThan(1);
    const some = await run(0.3);
    expect(some.audit).toEqual((await run(0.3)).audit);
    expect(some.audit?.samples).toBeGreaterThan(40);
    expect(some.audit?.samples).toBeLessThan(120);
    expect((await run(0.3, 8n)).audit).not.toEqual(some.audit);
  });

  it.each<[string, unknown]>([
    ['audit', 1],
    ['audit.share', { key: 1n, share: 1.5 }],
    ['key', { key: -1n, share: 0.5 }],
    ['key', { key: 2n ** 64n, share: 0.5 }],
    ['share', { key: 1n, share: 'all' }],
    ['key', { key: 1, share: 0.5 }],
  ])('is not opened with a bad %s', (field, audit) => {
    const policy = engine.createAttentionPolicy(masked);
    expect(() => policy.openSequence({ audit: audit as never })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', field }),
    );
  });

  it('is of one step at a time, and is not copied meanwhile', async () => {
    const state = open(masked);
    const twice = [0, 1].map((sequence) => ({ sequence, state, decodeFrom: 0 }));
    const refusal = { code: 'FAILED_PRECONDITION', reason: 'STEP_IN_PROGRESS', field: 'attention.state' };
    await expect(step({ attention: twice })).rejects.toMatchObject(refusal);
    const running = step({ attention: [{ sequence: 0, state, decodeFrom: 0 }] });
    expect(() => state.fork()).toThrow(expect.objectContaining(refusal));
    await running;
    state.fork().dispose();
    await expect(step({ attention: [{ sequence: 1, state, decodeFrom: 0 }] })).resolves.toBeDefined();
  });

  it('is refused once disposed', async () => {
    const state = open(masked);
    state.dispose();
    state.dispose();
    await expect(async () => step({ attention: [{ sequence: 0, state, decodeFrom: 0 }] })).rejects.toMatchObject({
      reason: 'DISPOSED',
    });
  });
});
