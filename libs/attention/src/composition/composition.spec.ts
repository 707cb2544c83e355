import { describe, expect, it } from '@jest/globals';
import { compilePolicy } from '../compile/compile-policy.js';
import { duoAttention, lserve, minference, quest, streaming, tokenSelect, xattention } from '../methods/index.js';
import type { ModelShape } from '../model-shape.js';
import type { Branch, HeadPlan, Selection, WrittenPolicy } from '../policy.js';
import { calibrated } from '../testing/artefacts.js';
import { shapes } from '../testing/shapes.js';
import { compositionFaults } from './check-composition.js';

const shape = shapes['smollm2-135m'];
const faultsOf = (policy: WrittenPolicy, of: ModelShape = shape) => [...compositionFaults('attention', policy, of)];

/** A decode plan with a selection for the middle. */
function middle(selection: Selection, others: readonly Branch[] = []): HeadPlan {
  return { phase: 'decode', branches: [...others, { range: 'middle', ...selection }] };
}

const bounds = { phi: 'relu-split', channel: { kind: 'key-bounds' } } as const;
const tokens = { phi: 'identity', channel: { kind: 'keys' } } as const;
const strips = { phi: 'antidiagonal-strip', channel: { kind: 'keys' }, stride: 16 } as const;

describe('a policy is refused', () => {
  it.each<[string, WrittenPolicy, string, RegExp]>([
    [
      'with two selectors on one range',
      { plans: [middle({ selector: { rule: 'none' } }, [{ range: 'middle', selector: { rule: 'all' } }])] },
      'plans[0].branches[1].range',
      /a range has one selector/,
    ],
    [
      'with a part beside all',
      {
        plans: [
          {
            phase: 'decode',
            branches: [
              { range: 'sink', tokens: 4 },
              { range: 'all', selector: { rule: 'all' } },
            ],
          },
        ],
      },
      'plans[0].branches',
      /looked at twice/,
    ],
    [
      'that leaves the middle out',
      { plans: [{ phase: 'decode', branches: [{ range: 'window', tokens: 4 }] }] },
      'plans[0].branches',
      /leave the middle out/,
    ],
    ['with two plans for one head', { plans: [...quest(), ...quest()] }, 'plans[1]', /a head has one plan/],
    [
      'with a share of bounds',
      { plans: [middle({ selector: { rule: 'top-cdf', mass: 0.9 }, scorer: bounds })] },
      'plans[0].branches[0].selector.rule',
      /bounds, not probabilities/,
    ],
    [
      'with a share of bounds, vote or not',
      { plans: [middle({ selector: { rule: 'top-cdf', mass: 0.9 }, scorer: { ...bounds, head_reduce: 'vote' } })] },
      'plans[0].branches[0].selector.rule',
      /bounds, not probabilities/,
    ],
    [
      'with a share of logits',
      { plans: [middle({ selector: { rule: 'top-cdf', mass: 0.9 }, scorer: tokens })] },
      'plans[0].branches[0].selector.rule',
      /head_reduce vote/,
    ],
    [
      'without scores to rank by',
      { plans: [middle({ selector: { rule: 'top-k', tokens: 64 } })] },
      'plans[0].branches[0].scorer',
      /is missing/,
    ],
    [
      'with scores that nothing ranks by',
      { plans: [middle({ selector: { rule: 'all' }, scorer: bounds })] },
      'plans[0].branches[0].scorer',
      /has no use/,
    ],
    [
      'with a scorer of the other phase',
      { plans: [middle({ selector: { rule: 'top-k', tokens: 512 }, scorer: strips })] },
      'plans[0].branches[0].scorer.phi',
      /in prefill only/,
    ],
    [
      'with lines from a scorer of pages',
      { plans: [middle({ selector: { rule: 'top-lines', verticals: 1, slashes: 1 }, scorer: bounds })] },
      'plans[0].branches[0].selector.rule',
      /must be top-k/,
    ],
    [
      'with a unit that the scorer does not score',
      { plans: [middle({ selector: { rule: 'top-k', tokens: 64 }, scorer: bounds, unit: { kind: 'token' } })] },
      'plans[0].branches[0].unit.kind',
      /scores a page/,
    ],
    [
      'with a budget that sink and window alone exceed',
      {
        plans: [middle({ selector: { rule: 'top-k', tokens: 64 }, scorer: bounds }, [{ range: 'window', tokens: 80 }])],
      },
      'plans[0].branches[1].selector.tokens',
      /alone have 80/,
    ],
    [
      'with lists kept where none is chosen',
      {
        plans: [
          middle({ selector: { rule: 'none' }, reuse: { kind: 'every', steps: 2 } }, [{ range: 'window', tokens: 4 }]),
        ],
      },
      'plans[0].branches[1].reuse',
      /lists that are chosen in decode/,
    ],
    [
      'with a summary of what is not dropped',
      { plans: [middle({ selector: { rule: 'all' }, exec: 'summary' })] },
      'plans[0].branches[0].exec',
      /selector none drops/,
    ],
    [
      'in which a query does not look at itself',
      { plans: [middle({ selector: { rule: 'none' } }, [{ range: 'sink', tokens: 4 }])] },
      'plans[0].branches[1].selector.rule',
      /its own token/,
    ],
    [
      'with bounds of units that cannot both hold',
      {
        plans: xattention().map((plan) => ({
          ...plan,
          branches: [
            { range: 'all', scorer: strips, selector: { rule: 'top-cdf', mass: 0.9, min_units: 3, max_units: 2 } },
          ],
        })),
      },
      'plans[0].branches[0].selector.min_units',
      /more than max_units/,
    ],
    ['for layers that are not there', { plans: quest({ denseLayers: 30 }) }, 'plans[0].layers[0]', /has 30 layers/],
    [
      'for heads that are not there',
      { plans: [{ ...middle({ selector: { rule: 'all' } }), kv_heads: [0, 3] }] },
      'plans[0].kv_heads[1]',
      /KV heads 0 to 2/,
    ],
    ['without its artefact', { plans: duoAttention() }, 'plans[0]', /longhaul model calibrate <package>/],
  ])('%s', (_, policy, field, message) => {
    const [first] = faultsOf(policy);
    expect(first).toEqual({ field: `attention.${field}`, message: expect.stringMatching(message) });
    expect(() => compilePolicy(policy, shape)).toThrow(
      expect.objectContaining({ reason: 'INVALID_ARGUMENT', field: `attention.${field}`, message: first?.message }),
    );
  });
});

describe('a model', () => {
  const windowed = { ...shape, windows: shape.windows.map((_, layer) => (layer % 2 === 0 ? 512 : 0)) };

  it('keeps its sliding windows: a policy is for its other layers', () => {
    const { table, plans } = compilePolicy({ plans: streaming() }, windowed);
    const rules = [...table].map((index) => plans[index]?.rule);
    expect(rules.map((rule) => rule === 'none')).toEqual(
      [...windowed.windows, ...windowed.windows].flatMap((window) => Array(3).fill(window === 0)),
    );
  });

  it('that has nothing but sliding windows refuses a policy, and so do the layers that have them', () => {
    const all = { ...shape, windows: shape.windows.map(() => 512) };
    expect(faultsOf({ plans: streaming() }, all)[0]).toMatchObject({ field: 'attention.plans[0].layers' });
    const one = [{ ...(streaming()[0] as HeadPlan), layers: [{ from: 2, to: 3 }] }];
    expect(faultsOf({ plans: one }, windowed)[0]?.message).toMatch(/stays as the model has it/);
  });

  it('whose pool does not keep a channel refuses what scores it', () => {
    expect(faultsOf({ plans: quest() }, { ...shape, channels: [] })).toEqual([
      { field: 'attention.plans[0].branches[0].scorer.channel', message: expect.stringMatching(/does not keep/) },
    ]);
  });

  it('of a KV type that scorers do not read refuses what scores', () => {
    for (const kvDtype of ['bf16', 'f32', 'int8'])
      expect(faultsOf({ plans: quest() }, { ...shape, kvDtype })).toEqual([]);
    expect(faultsOf({ plans: quest() }, { ...shape, kvDtype: 'int4' })[0]?.message).toMatch(/type int4/);
    expect(faultsOf({ plans: streaming() }, { ...shape, kvDtype: 'int4' })).toEqual([]);
  });

  it('that lacks an artefact names its package in the refusal', () => {
    const [fault] = faultsOf({ plans: duoAttention() }, { ...shape, package: 'smollm2' });
    expect(fault?.message).toMatch(/`longhaul model calibrate smollm2`/);
  });

  it('whose artefacts do not count says why, and names no command that would not help', () => {
    const [fault] = faultsOf({ plans: duoAttention() }, { ...shape, withoutArtefacts: 'served otherwise' });
    expect(fault?.message).toMatch(/needs gates of the model: served otherwise\.$/);
  });

  it('that lacks an artefact is dense in the heads that need it where the policy says so, and tells', () => {
    const policy: WrittenPolicy = { on_missing_artefact: 'dense', plans: lserve() };
    const compiled = compilePolicy(policy, shape);
    expect(compiled).toMatchObject({ quality: 'exact', numericsId: '', missing: ['gates'], drafts: true });
    expect(compilePolicy(policy, calibrated(shape))).toMatchObject({ quality: 'sparse', missing: [], drafts: false });
  });

  it('with thresholds of another stride refuses calibrated mass', () => {
    const policy = { plans: xattention({ stride: 8, mass: 'calibrated' }) };
    expect(faultsOf(policy, calibrated(shape))[0]?.message).toMatch(/for the stride 16; the scorer has 8/);
  });

  it('with fewer label channels than asked for refuses', () => {
    const scorer = { phi: 'channel-subset', channel: { kind: 'labels', dims: 65 } } as const;
    const policy = { plans: [middle({ selector: { rule: 'top-k', tokens: 64 }, scorer })] };
    expect(faultsOf(policy, calibrated(shape))[0]?.message).toMatch(/dims is 65; a head has 64/);
  });
});

describe('labels', () => {
  const labelled = (phase: 'prefill' | 'decode', dims: number): HeadPlan => ({
    phase,
    branches: [
      {
        range: 'all',
        scorer: { phi: 'channel-subset', channel: { kind: 'labels', dims } },
        selector: { rule: 'top-k', tokens: 64 },
      },
    ],
  });

  it('are chosen once for a model: plans that have some have the same', () => {
    const model = calibrated(shape);
    expect(faultsOf({ plans: [labelled('prefill', 8), labelled('decode', 8)] }, model)).toEqual([]);
    const [fault] = faultsOf({ plans: [labelled('prefill', 8), labelled('decode', 16)] }, model);
    expect(fault).toMatchObject({ field: 'attention.plans', message: expect.stringMatching(/8 and of 16 dims/) });
  });

  it('are the heaviest dimensions of each head, in ascending order', () => {
    const { labels } = compilePolicy({ plans: [labelled('decode', 4)] }, calibrated(shape));
    expect([...(labels?.channels.subarray(4 * 62, 4 * 63) ?? [])]).toEqual([0, 1, 62, 63]);
    expect(labels).toMatchObject({ r: 4 });
  });
});

describe('policies go together', () => {
  it.each<[string, WrittenPolicy]>([
    ['one for the prompt and one for the answer', { plans: [...xattention(), ...quest()] }],
    ['a split of heads and what the retrieval heads do', { plans: lserve() }],
    [
      'different ones in different layers',
      {
        plans: quest().flatMap((plan) => [
          { ...plan, layers: [{ to: 9 }] },
          { ...plan, layers: [{ from: 9 }] },
        ]),
      },
    ],
    [
      'lines for the prompt and tokens for the answer',
      { plans: [...minference(), ...tokenSelect({ phases: ['decode'] })] },
    ],
    ['skipped tiles under anything', { skip_softmax: 12, plans: [...xattention(), ...quest()] }],
  ])('%s', (_, policy) => {
    expect(faultsOf(policy, calibrated(shape))).toEqual([]);
  });
});

describe('gates', () => {
  it('split the heads: each is in one class, and the share that streams is that which was asked for', () => {
    for (const sparsity of [0, 0.25, 0.5, 1]) {
      const { table, plans } = compilePolicy({ plans: duoAttention({ sparsity }) }, calibrated(shape));
      const streams = [...table].filter((index) => plans[index]?.rule === 'none').length;
      expect(streams / table.length).toBeCloseTo(sparsity, 1);
    }
  });

  it('of equal value are told apart by place, so that the same heads stream in every process', () => {
    const gates = { kind: 'gates', digest: 'd', gates: shape.windows.map(() => [1, 1, 1]) } as const;
    const compiled = () => compilePolicy({ plans: duoAttention() }, { ...shape, artefacts: { gates } }).table;
    expect(compiled()).toEqual(compiled());
    expect([...compiled()].filter((index) => index === 0)).toHaveLength(90);
  });

  it('are part of the numerics', () => {
    const id = (digest: string) => {
      const artefacts = { gates: { ...calibrated(shape).artefacts.gates, digest } as never };
      return compilePolicy({ plans: duoAttention() }, { ...shape, artefacts });
    };
    expect(id('x').numericsId).not.toBe(id('y').numericsId);
    expect(id('x').prefillNumerics).not.toBe(id('y').prefillNumerics);
  });
});
