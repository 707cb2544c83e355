import type { ModelShape } from '@longhaul/attention';
import type { AuditOptions } from './attention/audit.js';
import type { CompiledPolicies } from './attention/compiled-policies.js';
import type { JudgeAttention } from './attention/judge.js';
import type { OpenDrafter } from './drafting/drafter.js';
import type { ChainRoots } from './keys/chain-roots.js';
import type { EngineLimits } from './limits.js';
import type { EngineObserver } from './observer.js';
import type { PrefixStoreOptions } from './store/store-options.js';
import type { Clock, Detokenize, ModelFacts, ModelRunner, OpenStopMatcher, RopeTables } from './ports.js';

/** Everything the engine works with; given once, never swapped. */
export interface EngineOptions {
  runner: ModelRunner;
  model: ModelFacts;
  rope: RopeTables;
  detokenize: Detokenize;
  openStopMatcher: OpenStopMatcher;
  limits: EngineLimits;
  /** Opens what proposes drafted tokens for requests that ask for it. Absent: the drafters of this package. */
  openDrafter?: OpenDrafter;
  clock?: Clock;
  observer?: EngineObserver;
  /** What attention policies are made for. Null or absent: every request is computed densely, others are refused. */
  attention?: { shape: ModelShape } | null;
  /** Compares policies with dense attention. Absent: nothing is compared. */
  audit?: AuditOptions;
  /** Watches over what policies leave out, beside the audit. Absent: nobody does. */
  judgeAttention?: JudgeAttention;
  /** Keeps KV beyond the engine's life; null or absent: none. Needs prefix caching. */
  store?: PrefixStoreOptions | null;
}

/** The options with their defaults filled in, and what follows from them. */
export interface EngineContext extends Required<EngineOptions> {
  readonly roots: ChainRoots;
  readonly policies: CompiledPolicies;
}
