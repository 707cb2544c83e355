import fc from 'fast-check';
import type {
  Branch,
  HeadPlan,
  LayerRange,
  Reuse,
  Scorer,
  Selection,
  Selector,
  UnitSpec,
  WrittenPolicy,
} from '../policy.js';

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const headReduce = maybe(fc.constantFrom('max', 'sum', 'vote'));
const tokens = fc.oneof(fc.nat(300), fc.nat(20_000));

const scorer: fc.Arbitrary<Scorer> = fc.oneof(
  fc
    .record({ head_reduce: headReduce, radius: maybe(fc.double({ min: 0, max: 1, noNaN: true })) })
    .map((options) => ({ phi: 'relu-split', channel: { kind: 'key-bounds' }, ...options }) as const),
  fc
    .constantFrom(4, 8, 16)
    .map((stride) => ({ phi: 'antidiagonal-strip', channel: { kind: 'keys' }, stride }) as const),
  fc.constant({ phi: 'last-queries', channel: { kind: 'keys' } } as const),
  headReduce.map((head_reduce) => ({ phi: 'identity', channel: { kind: 'keys' }, head_reduce }) as const),
  fc
    .record({ dims: fc.integer({ min: 1, max: 80 }), head_reduce: headReduce })
    .map(
      ({ dims, head_reduce }) => ({ phi: 'channel-subset', channel: { kind: 'labels', dims }, head_reduce }) as const,
    ),
);

const selector: fc.Arbitrary<Selector> = fc.oneof(
  fc.constant({ rule: 'all' } as const),
  fc.constant({ rule: 'none' } as const),
  fc.integer({ min: 1, max: 20_000 }).map((budget) => ({ rule: 'top-k', tokens: budget }) as const),
  fc.record({
    rule: fc.constant('top-cdf' as const),
    mass: fc.oneof(fc.constant('calibrated' as const), fc.double({ min: 0.01, max: 1, noNaN: true })),
    min_units: maybe(fc.nat(100)),
    max_units: maybe(fc.nat(100)),
  }),
  fc.record({ rule: fc.constant('top-lines' as const), verticals: fc.nat(5000), slashes: fc.nat(5000) }),
);

const unit: fc.Arbitrary<UnitSpec> = fc.oneof(
  maybe(fc.constantFrom(16, 32, 64, 128)).map((pageTokens) => ({ kind: 'page', tokens: pageTokens }) as const),
  fc.constant({ kind: 'token' } as const),
);

const reuse: fc.Arbitrary<Reuse> = fc.oneof(
  fc.constant({ kind: 'always' } as const),
  fc.integer({ min: 1, max: 16 }).map((steps) => ({ kind: 'every', steps }) as const),
  fc.double({ min: -1, max: 1, noNaN: true }).map((at_least) => ({ kind: 'cosine', at_least }) as const),
);

const selection: fc.Arbitrary<Selection> = fc.record({
  selector,
  unit: maybe(unit),
  scorer: maybe(scorer),
  reuse: maybe(reuse),
  exec: maybe(fc.constantFrom('list' as const, 'summary' as const)),
});

const branches: fc.Arbitrary<Branch[]> = fc.oneof(
  selection.map((chosen) => [{ range: 'all' as const, ...chosen }]),
  fc
    .record({ chosen: selection, sink: maybe(tokens), window: maybe(tokens) })
    .map(({ chosen, sink, window }) => [
      ...(sink === undefined ? [] : [{ range: 'sink' as const, tokens: sink }]),
      ...(window === undefined ? [] : [{ range: 'window' as const, tokens: window }]),
      { range: 'middle' as const, ...chosen },
    ]),
);

const layers: fc.Arbitrary<LayerRange[]> = fc.array(
  fc.record({ from: maybe(fc.nat(4)), to: maybe(fc.integer({ min: 1, max: 5 })) }),
  { minLength: 1, maxLength: 2 },
);

const plan: fc.Arbitrary<HeadPlan> = fc.record({
  phase: fc.constantFrom('prefill', 'decode'),
  layers: maybe(layers),
  kv_heads: maybe(fc.array(fc.nat(2), { minLength: 1, maxLength: 2 })),
  gates: maybe(fc.record({ heads: fc.constantFrom('retrieval', 'streaming'), sparsity: fc.constantFrom(0, 0.5, 1) })),
  dense_below: maybe(tokens),
  branches,
});

/** Policies that are right field by field; most break some rule of composition. For a model of 4 layers and 2 KV heads. */
export const anyPolicy: fc.Arbitrary<WrittenPolicy> = fc.record({
  name: maybe(fc.constantFrom('a', 'b')),
  dense_below: maybe(tokens),
  skip_softmax: maybe(fc.constantFrom(0, 7.5)),
  audit: maybe(
    fc.record({ least_recall: maybe(fc.constantFrom(0, 0.5, 1)), most_kl: maybe(fc.constantFrom(0, 0.1, 100)) }),
  ),
  on_missing_artefact: maybe(fc.constantFrom('refuse' as const, 'dense' as const)),
  plans: fc.array(plan, { maxLength: 3 }),
});
