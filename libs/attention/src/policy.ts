/**
 * A policy as callers write it: plain JSON, with the words of the wire. A method of a paper is a value of these types;
 * what is left out has the default that is said here.
 */

export const phases = ['prefill', 'decode'] as const;
/**
 * By position, not by step: rows of prompt tokens are prefill, all later ones decode, also where several of them are
 * computed at once or again.
 */
export type Phase = (typeof phases)[number];

/** Policies by name. They are made for each model: their budgets follow from its number of layers. */
export const presetNames = ['dense', 'balanced', 'fast'] as const;
export type PresetName = (typeof presetNames)[number];

/** What may be allowed: presets by name, and `custom` for policies of the caller's own. */
export const attentionChoices = [...presetNames, 'custom'] as const;
export type AttentionChoice = (typeof attentionChoices)[number];

/** What a live audit holds a policy to. What is left out is the server's. Decides nothing of what is computed until then. */
export interface AuditBoundSpec {
  /** Share of the attention's mass that the latest samples of an answer keep on average, 0 to 1; with less it falls back. */
  readonly least_recall?: number | undefined;
  /** Divergence of the next token from dense attention, mean of the latest steps compared; 0 to 100 nats. With more it falls back. */
  readonly most_kl?: number | undefined;
}

/** A policy by name. */
export interface PresetPolicy {
  readonly preset: PresetName;
  /** In place of the preset's own, in both phases: queries at positions below look at everything. */
  readonly dense_below?: number | undefined;
  /** In place of the preset's own. */
  readonly audit?: AuditBoundSpec | undefined;
}

/** A policy written out. */
export interface WrittenPolicy {
  /** Shown in usage; 1 to 64 of `a-z`, `0-9`, `.`, `_`, `-`. `custom` when left out. Decides nothing. */
  readonly name?: string | undefined;
  /** Of plans that say nothing else. 0 when left out. */
  readonly dense_below?: number | undefined;
  /**
   * Keys of a block are skipped for a query whose running maximum their logits stay below by more than this, in natural
   * logarithms: they count less than e^-skip_softmax of the likeliest. 0, or left out: nothing is skipped.
   */
  readonly skip_softmax?: number | undefined;
  /** What happens where the model package lacks an artefact that a plan needs. `refuse` when left out. */
  readonly on_missing_artefact?: 'refuse' | 'dense' | undefined;
  readonly audit?: AuditBoundSpec | undefined;
  /** Heads that no plan names are dense. No two plans may name one head in one phase. */
  readonly plans: readonly HeadPlan[];
}

/** How attention is computed. */
export type PolicySpec = PresetPolicy | WrittenPolicy;

/** How some KV heads of some layers attend in one phase. */
export interface HeadPlan {
  readonly phase: Phase;
  /** All layers when left out. Layers that have a sliding window of their own stay as the model has them. */
  readonly layers?: readonly LayerRange[] | undefined;
  /** KV heads by number; all when left out. */
  readonly kv_heads?: readonly number[] | undefined;
  /** Of those, the ones that the artefact `gates` puts into a class; all when left out. */
  readonly gates?: GateChoice | undefined;
  /** Queries at positions below attend to all that is visible; in prefill rounded down to 128 where units are chosen. */
  readonly dense_below?: number | undefined;
  /** Disjoint, and together all visible keys: `all` alone, or `middle` with at most one `sink` and one `window`. */
  readonly branches: readonly Branch[];
}

/** Layers from `from` on, `to` not included; 0 and the end when left out. */
export interface LayerRange {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** The class of heads that a plan is for: those that retrieve, or the share `sparsity` of all heads that does least. */
export interface GateChoice {
  readonly heads: 'retrieval' | 'streaming';
  /** Share of the model's KV heads that stream; 0 to 1. */
  readonly sparsity: number;
}

/**
 * A part of the visible keys of a query at position q, and what of it is looked at. `sink`: keys below `tokens`.
 * `window`: the rest with q - k < `tokens`. `middle`: what neither takes. `all`: everything.
 */
export type Branch =
  { readonly range: 'sink' | 'window'; readonly tokens: number } | ({ readonly range: 'middle' | 'all' } & Selection);

export interface Selection {
  readonly selector: Selector;
  /** What is chosen as one; the scorer's own unit when left out. */
  readonly unit?: UnitSpec | undefined;
  /** Needed where the selector ranks. */
  readonly scorer?: Scorer | undefined;
  /** Decode only; `always` when left out. */
  readonly reuse?: Reuse | undefined;
  /** `summary`: what the selector `none` drops counts as one row, the mean of its keys and values. `list` when left out. */
  readonly exec?: 'list' | 'summary' | undefined;
  /** Keys keep their own positions (R0); other modes are not built. */
  readonly rope?: 'R0' | undefined;
}

/** `page`: `tokens` consecutive tokens, a multiple of 16. A score of a longer page is the greatest of its 16-token parts. */
export type UnitSpec = { readonly kind: 'page'; readonly tokens?: number | undefined } | { readonly kind: 'token' };

/**
 * What is scored. `key-bounds`: least and greatest key per dimension, kept by the pool for each page. `keys`: the stored
 * keys. `labels`: `dims` of their dimensions, those that the artefact `label-channels` names for the head.
 */
export type MetaChannel =
  { readonly kind: 'key-bounds' } | { readonly kind: 'keys' } | { readonly kind: 'labels'; readonly dims: number };

export const headReduces = ['max', 'sum', 'vote'] as const;
/** How scores of the query heads that share a KV head become one. `vote`: the sum of their softmax over the units. */
export type HeadReduce = (typeof headReduces)[number];

/**
 * How units get scores. `relu-split`: greatest product that the bounds allow; with `radius` below 1 their half widths
 * count by that share, which is nearer to what the best key of a page reaches. `antidiagonal-strip`: mass of blocks, from
 * every `stride`-th anti-diagonal. `last-queries`: mass of columns and diagonals under the last queries of a block.
 * `identity`: product with the keys. `channel-subset`: the same over labels.
 */
export type Scorer =
  | {
      readonly phi: 'relu-split';
      readonly channel: { readonly kind: 'key-bounds' };
      readonly head_reduce?: HeadReduce | undefined;
      /** [0, 1]; 1 when left out. */
      readonly radius?: number | undefined;
    }
  | { readonly phi: 'antidiagonal-strip'; readonly channel: { readonly kind: 'keys' }; readonly stride: 4 | 8 | 16 }
  | { readonly phi: 'last-queries'; readonly channel: { readonly kind: 'keys' } }
  | {
      readonly phi: 'identity';
      readonly channel: { readonly kind: 'keys' };
      readonly head_reduce?: HeadReduce | undefined;
    }
  | {
      readonly phi: 'channel-subset';
      readonly channel: { readonly kind: 'labels'; readonly dims: number };
      readonly head_reduce?: HeadReduce | undefined;
    };
export type Phi = Scorer['phi'];

/** When a list is chosen anew: at every step, at every so many, or when the query has turned away from that of the list. */
export type Reuse =
  | { readonly kind: 'always' }
  | { readonly kind: 'every'; readonly steps: number }
  | { readonly kind: 'cosine'; readonly at_least: number };

/**
 * What of the range is looked at. `top-k`: the best units, so that the whole list has `tokens` tokens, sink, window and
 * the page of the query included. `top-cdf`: the best units, until `mass` of all mass is reached. `top-lines`: that many
 * columns and diagonals.
 */
export type Selector =
  | { readonly rule: 'all' }
  | { readonly rule: 'none' }
  | { readonly rule: 'top-k'; readonly tokens: number }
  | {
      readonly rule: 'top-cdf';
      /** Above 0, at most 1. `calibrated`: for each head that of the artefact `xattention-thresholds`. */
      readonly mass: number | 'calibrated';
      /** Bounds of what is chosen, beside sink, window and the query's own unit. */
      readonly min_units?: number | undefined;
      readonly max_units?: number | undefined;
    }
  | { readonly rule: 'top-lines'; readonly verticals: number; readonly slashes: number };
export type SelectorRule = Selector['rule'];
