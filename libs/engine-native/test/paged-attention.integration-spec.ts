import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { KV_DTYPES, loadEngine, type KernelLevel, type KvDtype } from '../src/index.js';
import { AttentionCase, type Advance, type Sequence } from './support/attention-case.js';
import { nearestBf16, referenceAttention, type AttentionShape } from './support/attention-reference.js';
import { maxDifference, randomFloats } from './support/steps.js';

/**
 * Largest and root mean square error of outputs whose values are in [-1, 1]; bf16 keeps 8 bits of K and V, int8 of queries,
 * too, whose norms make logits of 30 and more here: the error of such a logit is some hundredths, and single values have a
 * long tail of it.
 */
const TOLERANCE: Readonly<Record<KvDtype, { most: number; rms: number }>> = {
  f32: { most: 2e-5, rms: 2e-5 },
  bf16: { most: 2e-2, rms: 2e-2 },
  int8: { most: 0.3, rms: 0.025 },
};
const RUNS = 12;

const engine = await loadEngine();

const operand = (on: boolean, seed: number, length: number) =>
  on ? randomFloats(seed, length).map((x) => x + 1.5) : null;

const shapes: fc.Arbitrary<AttentionShape> = fc
  .record({
    kvHeads: fc.integer({ min: 1, max: 3 }),
    group: fc.constantFrom(1, 2, 3, 4, 7),
    headDim: fc.integer({ min: 2, max: 16 }).map((n) => n * 16),
    rotary: fc.constantFrom(0, 0.5, 1),
    window: fc.constantFrom(0, 0, 1, 5, 16, 33),
    softcap: fc.constantFrom(0, 0, 1.5, 30),
    norms: fc.tuple(fc.boolean(), fc.boolean()),
    sinks: fc.boolean(),
  })
  .map(({ kvHeads, group, headDim, rotary, norms, sinks, ...rest }) => ({
    ...rest,
    kvHeads,
    heads: kvHeads * group,
    headDim,
    ropeDim: headDim * rotary,
    scale: 2 / Math.sqrt(headDim),
    normEps: 1e-5,
    qNorm: operand(norms[0], 3, headDim),
    kNorm: operand(norms[1], 4, headDim),
    sinks: operand(sinks, 5, kvHeads * group),
  }));

interface Situation {
  shape: AttentionShape;
  lengths: number[];
  /** Sizes of the chunks, taken in turn by all sequences. */
  chunks: number[];
  seed: number;
}

const situations: fc.Arbitrary<Situation> = fc.record({
  shape: shapes,
  lengths: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 3 }),
  chunks: fc.array(fc.constantFrom(0, 1, 1, 2, 5, 16, 17, 40), { minLength: 1, maxLength: 6 }),
  seed: fc.integer({ min: 1, max: 1e6 }),
});

function rmsDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] ?? NaN) - (b[i] ?? NaN)) ** 2;
  return Math.sqrt(sum / a.length);
}

/** Steps that bring every sequence to its end, each taking its own chunk size in turn. */
function scheduleOf(sequences: readonly Sequence[], chunks: readonly number[]): Advance[] {
  const left = sequences.map(({ length }) => length);
  const schedule: Advance[] = [];
  for (let turn = 0; left.some((count) => count > 0); turn++) {
    const advance: number[] = left.map((count, b) => Math.min(count, chunks[(turn + 2 * b) % chunks.length] ?? 1));
    if (!advance.some((count) => count > 0)) advance[left.findIndex((count) => count > 0)] = 1;
    advance.forEach((count, b) => (left[b] = (left[b] ?? 0) - count));
    schedule.push(advance);
  }
  return schedule;
}

interface Variant {
  dtype: KvDtype;
  level: KernelLevel;
}

async function withCase(
  situation: Situation,
  { dtype, level }: Variant,
  check: (subject: AttentionCase) => Promise<void>,
): Promise<void> {
  const subject = new AttentionCase({ engine, dtype, level, ...situation });
  try {
    await subject.model.ready;
    await check(subject);
  } finally {
    await subject.dispose();
  }
}

const dtypes = KV_DTYPES;
type Rule = (subject: AttentionCase, situation: Situation, dtype: KvDtype) => Promise<void>;

const agreesWithTheDefinition: Rule = async (subject, { shape, chunks }, dtype) => {
  const outputs = await subject.run(subject.sequences, scheduleOf(subject.sequences, chunks));
  subject.sequences.forEach((sequence, b) => {
    const kept = dtype === 'bf16' ? nearestBf16 : (x: number) => x;
    const want = referenceAttention(shape, subject.rowsOf(sequence), { invFreq: subject.invFreq, kept });
    expect(maxDifference(outputs[b] ?? [], want)).toBeLessThan(TOLERANCE[dtype].most);
    expect(rmsDifference(outputs[b] ?? [], want)).toBeLessThan(TOLERANCE[dtype].rms);
  });
};

const neighboursDoNotMatter: Rule = async (subject, { chunks }) => {
  const schedule = scheduleOf(subject.sequences, chunks);
  const together = await subject.run(subject.sequences, schedule);
  for (const [b, sequence] of subject.sequences.entries()) {
    const steps = schedule.map((advance) => [advance[b] ?? 0]).filter(([count]) => count !== 0);
    const [alone] = await subject.run([sequence], steps);
    expect(maxDifference(together[b] ?? [], alone ?? [])).toBe(0);
  }
};

const leftoversDoNotMatter: Rule = async (subject, { chunks }) => {
  const schedule = scheduleOf(subject.sequences, chunks);
  const before = await subject.run(subject.sequences, schedule);
  subject.pool.poisonPages(Int32Array.from(subject.sequences.flatMap(({ pages }) => pages)));
  const after = await subject.run(subject.sequences, schedule);
  before.forEach((output, b) => expect(maxDifference(output, after[b] ?? [])).toBe(0));
};

const RULES: readonly (readonly [string, Rule])[] = [
  ['any chunking of any batch agrees with the definition', agreesWithTheDefinition],
  ['a sequence gets the same bits alone and in a batch', neighboursDoNotMatter],
  ['pages are clean again after another sequence and NaN', leftoversDoNotMatter],
];

for (const dtype of dtypes) {
  describe.each(engine.runtime.kernels[`attention/${dtype}`])(
    `PagedAttention over ${dtype} with $level kernels`,
    (one) => {
      // Levels that the processor lacks are reported as skipped.
      const rule = one.supported ? it : it.skip;
      for (const [name, holds] of RULES) {
        rule(name, async () => {
          const property = fc.asyncProperty(situations, (situation) =>
            withCase(situation, { dtype, level: one.level }, (subject) => holds(subject, situation, dtype)),
          );
          await fc.assert(property, { numRuns: RUNS });
        });
      }
    },
  );
}
