import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { kvSectionBytes, loadEngine, type NativeLoadGate, type StepRequest } from '../src/index.js';
import { AttentionCase } from './support/attention-case.js';
import type { AttentionShape } from './support/attention-reference.js';

const shape: AttentionShape = {
  ...{ heads: 4, kvHeads: 2, headDim: 32, ropeDim: 32, window: 0, softcap: 0, scale: 0.2, normEps: 1e-5 },
  ...{ qNorm: null, kNorm: null, sinks: null },
};
const WIDTH = shape.heads * shape.headDim;
/** The gated sequence: two stored pages, then new tokens. Its neighbour decodes one token. */
const PAST = 32;
const FRESH = 8;
const NEIGHBOUR = 21;
const HOUR = 3_600_000;

const engine = await loadEngine();

let subject: AttentionCase;
let expected: Float32Array;
let stored: Uint8Array[];
let pages: Int32Array;

/** Computes both pasts and the expected step, takes the gated past out of the pool, and leaves NaN behind. */
beforeEach(async () => {
  subject = new AttentionCase({ engine, shape, lengths: [PAST + FRESH, NEIGHBOUR], dtype: 'f32', seed: 3 });
  await subject.model.ready;
  const past = [0, 0];
  await subject.model.step(subject.pool, subject.request(subject.sequences, past, [PAST, NEIGHBOUR - 1]));
  expected = (await subject.model.step(subject.pool, request())).logits ?? new Float32Array(0);
  pages = Int32Array.from(subject.sequences[0]?.pages.slice(0, PAST / 16) ?? []);
  const sizes = kvSectionBytes({ kvHeads: shape.kvHeads, headDim: shape.headDim, dtype: 'f32' }, pages.length);
  stored = sizes.map((bytes) => new Uint8Array(bytes));
  await subject.pool.exportBlock(pages, 0, 1, stored);
  subject.pool.poisonPages(pages);
});
afterEach(() => subject.dispose());

const request = (): StepRequest => subject.request(subject.sequences, [PAST, NEIGHBOUR - 1], [FRESH, 1]);
const gated = (gate: NativeLoadGate): StepRequest => ({ ...request(), gates: [{ sequence: 0, gate }] });
const newGate = (patienceMs = HOUR, layers = 1): NativeLoadGate => engine.createLoadGate({ layers, patienceMs });

describe('a step behind a gate', () => {
  it('reads what arrived after it began', async () => {
    const gate = newGate();
    const step = subject.model.step(subject.pool, gated(gate));
    await subject.pool.importBlock(pages, 0, 1, stored);
    gate.advance(1);
    expect((await step).logits).toEqual(expected);
    expect([gate.complete, gate.cancelled]).toEqual([true, false]);
  });

  it.each([
    ['is cancelled', HOUR, (gate: NativeLoadGate) => gate.cancel()],
    ['is not opened in time', 1, () => undefined],
  ])('goes on without the sequence when the gate %s; the neighbour is as ever', async (_, patienceMs, act) => {
    const gate = newGate(patienceMs);
    const step = subject.model.step(subject.pool, gated(gate));
    act(gate);
    const { logits } = await step;
    expect(logits?.subarray(0, FRESH * WIDTH)).toEqual(new Float32Array(FRESH * WIDTH));
    expect(logits?.subarray(FRESH * WIDTH)).toEqual(expected.subarray(FRESH * WIDTH));
    gate.advance(1);
    expect([gate.complete, gate.cancelled]).toEqual([false, true]);
  });

  it('ends when it is cancelled itself, and the next one runs', async () => {
    const gate = newGate();
    const step = subject.model.step(subject.pool, gated(gate));
    await new Promise((resolve) => setTimeout(resolve, 5));
    subject.model.cancel();
    await expect(step).rejects.toMatchObject({ reason: 'CANCELLED' });
    await subject.pool.importBlock(pages, 0, 1, stored);
    expect((await subject.model.step(subject.pool, request())).logits).toEqual(expected);
  });

  it('holds up no disposal', async () => {
    const step = subject.model.step(subject.pool, gated(newGate()));
    const disposed = subject.model.dispose();
    await expect(step).rejects.toMatchObject({ reason: 'CANCELLED' });
    await disposed;
  });
});

describe('gates that make no sense', () => {
  it.each<[string, () => StepRequest]>([
    ['gates.sequence', () => ({ ...request(), gates: [{ sequence: 2, gate: newGate() }] })],
    ['gates', () => ({ ...request(), gates: [0, 0].map((sequence) => ({ sequence, gate: newGate() })) })],
    ['gates.gate', () => gated(newGate(HOUR, 2))],
    ['gates.gate', () => gated({} as NativeLoadGate)],
  ])('are refused: %s', async (field, step) => {
    await expect(subject.model.step(subject.pool, step())).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', field });
  });

  it('are not made', () => {
    expect(() => newGate(0)).toThrow(expect.objectContaining({ field: 'patienceMs' }));
    expect(() => newGate(HOUR, 0)).toThrow(expect.objectContaining({ field: 'layers' }));
    expect(() => newGate().advance(2)).toThrow(expect.objectContaining({ field: 'layers' }));
  });
});
