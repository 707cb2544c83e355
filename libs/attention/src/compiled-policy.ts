import type { HeadReduce, PresetName } from './policy.js';

/**
 * How one KV head of one layer attends in one phase, in plain numbers: what the native engine knows of a policy
 * (`native/attention/policy/head_plan.h` of engine-native).
 */
export interface NativeHeadPlan {
  /** Queries at positions below attend to all that is visible; 2^30: always. */
  readonly denseBelow: number;
  /** How units are chosen among the candidates: visible and not forced. `all` is dense. */
  readonly rule: 'all' | 'none' | 'top-k' | 'top-cdf';
  /** Forced keys: k < sinkTokens. Token-exact with the rule `none`; rounded outwards to units with others. */
  readonly sinkTokens: number;
  /** Forced keys: q - k < windowTokens, so 1 is the query's own position. Rounded like the sink. */
  readonly windowTokens: number;
  /** A multiple of 16; or 1, for lists of tokens. */
  readonly unitTokens: number;
  readonly scorer: 'none' | 'key-bounds' | 'antidiagonal' | 'vertical-slash' | 'keys' | 'labels';
  /** Of `antidiagonal`: 4, 8 or 16; else 0. */
  readonly stride: number;
  /** How query heads that share a KV head agree. */
  readonly headReduce: HeadReduce;
  /** Of `key-bounds`: the share of their half widths that counts, [0, 1]; else 1. */
  readonly boundRadius: number;
  /** Of `top-k`: tokens of the list, forced ones included, rounded up to units; else 0. */
  readonly budgetTokens: number;
  /** Of `top-cdf`: (0, 1]; else 1. */
  readonly mass: number;
  /** Bounds of a selection, forced units not counted. */
  readonly minUnits: number;
  /** 2^30: none. */
  readonly maxUnits: number;
  /** Of `vertical-slash` with `top-k`: how many columns and diagonals. 0 with `top-cdf`: by mass. */
  readonly verticals: number;
  readonly slashes: number;
  /** Decode: a fresh selection where (position - first decode position) % reuseEvery is 0. 1: at every step. */
  readonly reuseEvery: number;
  /** Decode: the list is kept while the cosine of the query and that of the selection is at least this. Above 1: never. */
  readonly reuseCosine: number;
  /** Decode, rule `none`: what is dropped counts as one mean row, with the logarithm of its count added to its logit (RazorAttention). */
  readonly summary: boolean;
}

export const artefactKinds = ['gates', 'label-channels', 'xattention-thresholds'] as const;
export type ArtefactKind = (typeof artefactKinds)[number];

/** What a live audit holds a policy to; null: to what the server says. */
export interface AuditBound {
  /** Mean share of the attention's mass in the latest samples, 0 to 1. */
  readonly leastRecall: number | null;
  /** Mean divergence of the next token in the latest steps compared, nats. */
  readonly mostKl: number | null;
}

/** What a policy adds to the class of exactness that the KV type gives: nothing, or tokens are missing. */
export type PolicyQuality = 'exact' | 'sparse';

/** A policy made for one model. Immutable; shared by all requests that ask for it. */
export interface CompiledPolicy {
  /** As the caller called it: of a preset its name. */
  readonly name: string;
  /** For labels of metrics, where callers' own names may not go. */
  readonly label: PresetName | 'custom';
  /** Chunks, prefix hits and loads of a prompt are cut to multiples of this. */
  readonly alignment: 1 | 128;
  /** KV of prompt tokens at positions below is that of dense attention; 2^30: of all of them. A multiple of 16. */
  readonly exactBelow: number;
  /** Whether decode rows look at everything. */
  readonly decodeDense: boolean;
  /** Names all that decides the KV of prompt tokens; empty: dense. */
  readonly prefillNumerics: string;
  /** Names all that decides what is computed; empty: dense. Equal for policies that differ in writing only. */
  readonly numericsId: string;
  /** Class of the answer. */
  readonly quality: PolicyQuality;
  /** Class of the KV of prompt tokens at `exactBelow` and beyond. */
  readonly kvQuality: PolicyQuality;
  /** Whether tokens may be drafted: not where lists, or sums for a summary, are kept from step to step. */
  readonly drafts: boolean;
  /** 0: off. See `skip_softmax` of a policy. */
  readonly skipSoftmax: number;
  /** Distinct head plans, at most 256. */
  readonly plans: readonly NativeHeadPlan[];
  /** [2, layers, kvHeads] index into `plans`: prefill, then decode. */
  readonly table: Uint8Array;
  /** Dimensions that the scorer `labels` looks at, ascending: [layers, kvHeads, r]. */
  readonly labels: { readonly channels: Int32Array; readonly r: number } | null;
  readonly audit: AuditBound;
  /**
   * What it falls back to first where an audit finds that it keeps too little: the same with about twice as much looked at; dense
   * attention comes next. Null where generated tokens look at everything, and of a policy that is itself the denser one.
   */
  readonly denser: CompiledPolicy | null;
  /** Artefacts that are missing, where the policy says that this makes heads dense. */
  readonly missing: readonly ArtefactKind[];
}
