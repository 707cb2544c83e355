import type { GenerationRequest, TokenLogprob } from '@longhaul/inference';
import type { RopeTable } from '../ports.js';
import type { ChainRoot } from '../keys/chain-roots.js';
import type { EventBuffer } from '../stream/event-buffer.js';
import type { Sequence } from './sequence.js';

/** One request while the engine knows it. */
export interface RequestState {
  readonly request: GenerationRequest;
  /** Tables and chain root of the prompt; a sequence may outgrow them. */
  readonly rope: RopeTable;
  readonly root: ChainRoot;
  readonly events: EventBuffer;
  /** Constant parts of every sample of the request. */
  readonly biasTokens: Int32Array;
  readonly biasValues: Float32Array;
  readonly endTokens: Int32Array;
  /** Tokens that end a choice when they are drawn: `endTokens`, but not the model's own where the request ignores them. */
  readonly stopTokens: ReadonlySet<number>;
  /** All choices: the lead alone until the prompt is computed. */
  sequences: Sequence[];
  /** The prompt is not computed yet; the other choices are forked when it is. */
  forkPending: boolean;
  /** Collected while the prompt is computed; null when not asked for. */
  promptLogprobs: (TokenLogprob | null)[] | null;
  cachedTokens: number;
  completionTokens: number;
  /** Tokens that were drafted for its choices and verified, and those of them that became part of the answer. */
  draftedTokens: number;
  acceptedTokens: number;
  unfinished: number;
  ended: boolean;
  readonly submittedMs: number;
  admittedMs: number | null;
  /** Its admission has been reported, what was cached or loaded included. */
  admissionReported: boolean;
  firstTokenMs: number | null;
  /** Releases the abort listener. */
  detach: () => void;
}
