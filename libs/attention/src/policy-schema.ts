import { z } from 'zod';
import { PAGE_TOKENS, policyBounds } from './bounds.js';
import {
  headReduces,
  phases,
  presetNames,
  type PresetPolicy,
  type Scorer,
  type Selector,
  type WrittenPolicy,
} from './policy.js';
import { list, number, object, oneOf, whole } from './schema-parts.js';

/** An object that its first field tells from others. */
const ofKind = (names: string) => (issue: { readonly code: string }) =>
  issue.code === 'invalid_type' ? 'must be an object' : `must be one of ${names}`;

const tokens = whole(0, policyBounds.tokens);
const headReduce = oneOf(...headReduces).optional();

const unit = z.discriminatedUnion(
  'kind',
  [
    object({
      kind: z.literal('page'),
      tokens: whole(PAGE_TOKENS, policyBounds.pageTokens)
        .multipleOf(PAGE_TOKENS, `must be a multiple of ${PAGE_TOKENS}`)
        .optional(),
    }),
    object({ kind: z.literal('token') }),
  ],
  { error: ofKind('page, token') },
);

const keyBounds = object({ kind: oneOf('key-bounds') });
const keys = object({ kind: oneOf('keys') });
const labels = object({ kind: oneOf('labels'), dims: whole(1, policyBounds.labelDims) });

const scorer: z.ZodType<Scorer> = z.discriminatedUnion(
  'phi',
  [
    object({
      phi: z.literal('relu-split'),
      channel: keyBounds,
      head_reduce: headReduce,
      radius: number(0, 1).optional(),
    }),
    object({
      phi: z.literal('antidiagonal-strip'),
      channel: keys,
      stride: z.literal([4, 8, 16], { error: 'must be 4, 8 or 16' }),
    }),
    object({ phi: z.literal('last-queries'), channel: keys }),
    object({ phi: z.literal('identity'), channel: keys, head_reduce: headReduce }),
    object({ phi: z.literal('channel-subset'), channel: labels, head_reduce: headReduce }),
  ],
  { error: ofKind('relu-split, antidiagonal-strip, last-queries, identity, channel-subset') },
);

const reuse = z.discriminatedUnion(
  'kind',
  [
    object({ kind: z.literal('always') }),
    object({ kind: z.literal('every'), steps: whole(1, policyBounds.steps) }),
    object({ kind: z.literal('cosine'), at_least: number(-1, 1) }),
  ],
  { error: ofKind('always, every, cosine') },
);

const mass = z.custom<number | 'calibrated'>(
  (value) => value === 'calibrated' || (typeof value === 'number' && value > 0 && value <= 1),
  { error: 'must be a number above 0 and at most 1, or "calibrated"' },
);

const selector: z.ZodType<Selector> = z.discriminatedUnion(
  'rule',
  [
    object({ rule: z.literal('all') }),
    object({ rule: z.literal('none') }),
    object({ rule: z.literal('top-k'), tokens: whole(1, policyBounds.tokens) }),
    object({
      rule: z.literal('top-cdf'),
      mass,
      min_units: whole(0, policyBounds.units).optional(),
      max_units: whole(0, policyBounds.units).optional(),
    }),
    object({
      rule: z.literal('top-lines'),
      verticals: whole(0, policyBounds.lines),
      slashes: whole(0, policyBounds.lines),
    }),
  ],
  { error: ofKind('all, none, top-k, top-cdf, top-lines') },
);

const selection = {
  selector,
  unit: unit.optional(),
  scorer: scorer.optional(),
  reuse: reuse.optional(),
  exec: oneOf('list', 'summary').optional(),
  rope: oneOf('R0').optional(),
};

const branch = z.discriminatedUnion(
  'range',
  [
    object({ range: z.literal('sink'), tokens }),
    object({ range: z.literal('window'), tokens }),
    object({ range: z.literal('middle'), ...selection }),
    object({ range: z.literal('all'), ...selection }),
  ],
  { error: ofKind('sink, window, middle, all') },
);

const layer = whole(0, policyBounds.layers);
const plan = object({
  phase: oneOf(...phases),
  layers: list(object({ from: layer.optional(), to: layer.optional() }), policyBounds.layerRanges).optional(),
  kv_heads: list(whole(0, policyBounds.kvHeads - 1), policyBounds.kvHeads).optional(),
  gates: object({ heads: oneOf('retrieval', 'streaming'), sparsity: number(0, 1) }).optional(),
  dense_below: tokens.optional(),
  branches: list(branch, 3),
});

const audit = object({
  least_recall: number(0, 1).optional(),
  most_kl: number(0, policyBounds.kl).optional(),
}).optional();

const { nameCharacters } = policyBounds;
const NAME = `must be 1 to ${nameCharacters} of a-z, 0-9, dots, dashes and underscores, a letter or digit first`;

/** The JSON of a policy by name. */
export const presetSchema: z.ZodType<PresetPolicy> = object({
  preset: oneOf(...presetNames),
  dense_below: tokens.optional(),
  audit,
});

/** The JSON of a policy written out. */
export const writtenSchema: z.ZodType<WrittenPolicy> = object({
  name: z
    .string({ error: NAME })
    .regex(new RegExp(`^[a-z0-9][a-z0-9._-]{0,${nameCharacters - 1}}$`), NAME)
    .optional(),
  dense_below: tokens.optional(),
  skip_softmax: number(0, policyBounds.skipSoftmax).optional(),
  on_missing_artefact: oneOf('refuse', 'dense').optional(),
  audit,
  plans: list(plan, policyBounds.plans, 0),
});
