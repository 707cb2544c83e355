import type { CompiledPolicy } from '@longhaul/attention';
import type { GenerationRequest, TokenLogprob } from '@longhaul/inference';
import type { AttentionTally } from '../attention/attention-tally.js';
import type { PositionRules } from '../attention/position-rules.js';
import { SequencePolicy } from '../attention/sequence-policy.js';
import type { ChainRoot } from '../keys/chain-roots.js';
import { KeyChain } from '../keys/key-chain.js';
import { PAGE_TOKENS } from '../limits.js';
import type { RopeTable, SequenceAttentionOptions } from '../ports.js';
import type { CacheNode } from '../pages/prefix-cache.js';
import type { EventBuffer } from '../stream/event-buffer.js';
import type { ChoiceOutput } from './choice-output.js';
import { IntList } from './int-list.js';
import type { TokenStatistics } from './token-statistics.js';

/** One request while the engine knows it. */
export interface RequestState {
  readonly request: GenerationRequest;
  /** Tables and chain root of the prompt; a sequence may outgrow them. */
  readonly rope: RopeTable;
  readonly root: ChainRoot;
  /** How it is to be computed; `policy` is the same, or null where that is dense. */
  readonly compiled: CompiledPolicy;
  readonly policy: CompiledPolicy | null;
  readonly rules: PositionRules;
  /** What of it is compared with dense attention follows from this, position and place. */
  readonly auditKey: bigint;
  /** Which of its queries are. */
  readonly audit: SequenceAttentionOptions;
  /** What attention has read for it so far. */
  readonly attention: AttentionTally;
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

/**
 * waiting: holds no pages. loading: holds its cached prefix while what follows comes from the store. running: holds the
 * pages of its computed tokens. ended: holds nothing any more.
 */
export type SequenceState = 'waiting' | 'loading' | 'running' | 'ended';

/** One choice of a request: its tokens, and how many of them have their KV in the pool. */
export class Sequence {
  readonly owner: RequestState;
  readonly choice: number;
  /** Prompt, then output. The last token of a decoding sequence has no KV yet. */
  readonly tokens: IntList;
  readonly promptLength: number;
  readonly output: ChoiceOutput;
  /** Null when no penalty is on. */
  readonly statistics: TokenStatistics | null;
  /** How it is computed, and what selections keep of it from step to step. */
  readonly attention: SequencePolicy;
  state: SequenceState = 'waiting';
  /** Tokens with committed KV. */
  computed = 0;
  /** The most tokens that ever had their KV in the pool: what is computed below it is computed again. */
  furthest = 0;
  /** Block table of the computed tokens: ceil(computed / PAGE_TOKENS) pages. */
  readonly pages = new IntList();
  /** Cached nodes of the leading blocks; shorter than `pages` where blocks are not cached (yet). */
  nodes: CacheNode[] = [];
  /** Cached blocks that this sequence has computed itself; what it found, loaded or was given is not among them. */
  readonly computedNodes = new Set<CacheNode>();
  /** Position in the order of admission; the largest is preempted first. */
  admission = -1;
  lastTokenMs = 0;
  #rope: RopeTable;
  #keys: KeyChain;

  constructor(
    owner: RequestState,
    choice: number,
    parts: { tokens: Int32Array; output: ChoiceOutput; statistics: TokenStatistics | null },
  ) {
    this.owner = owner;
    this.#rope = owner.rope;
    this.choice = choice;
    this.tokens = new IntList(parts.tokens);
    this.#keys = new KeyChain(owner.root, this.tokens);
    this.promptLength = owner.request.promptTokenIds.length;
    this.output = parts.output;
    this.statistics = parts.statistics;
    this.attention = new SequencePolicy(owner.policy, this.promptLength, owner.audit);
  }

  get outputLength(): number {
    return this.tokens.length - this.promptLength;
  }

  /** Tokens to compute before the next one can be drawn; 1 for a decoding sequence. */
  get remaining(): number {
    return this.tokens.length - this.computed;
  }

  /** Leading tokens whose full pages others may use. */
  get sharedLength(): number {
    return Math.min(this.tokens.length, this.owner.rules.shared);
  }

  /** Pages that it may be given when others have so many of its tokens. */
  cutPages(tokens: number): number {
    return this.owner.rules.cutPages(Math.min(tokens, this.owner.rules.shared)) / PAGE_TOKENS;
  }

  /** The most tokens from `past` on that one step may compute, of which it has room for `tokens`; 0 where too few. */
  chunk(past: number, tokens: number): number {
    if (tokens <= 0) return 0;
    const { length } = this.tokens;
    // What is computed again is not mixed with what is judged.
    const again = past < this.furthest && this.owner.policy !== null ? this.furthest : Infinity;
    const limit = Math.min(length, past + tokens, this.attention.spanEnd(past), again);
    return this.owner.rules.chunkEnd(past, limit, length) - past;
  }

  /** The fewest that are of use. */
  leastChunk(past: number): number {
    return this.owner.rules.leastChunk(past);
  }

  /** Places in a step that the sequence occupies, its unborn siblings included. */
  get places(): number {
    return this.owner.forkPending ? this.owner.request.n : 1;
  }

  get rope(): RopeTable {
    return this.#rope;
  }

  /** Its text is longer than what its tables are for. */
  get outgrown(): boolean {
    return this.tokens.length > this.#rope.longestTokens;
  }

  /** Gives it other tables, and the keys that belong to them. Only while nothing of it is computed. */
  retable(rope: RopeTable, root: ChainRoot): void {
    this.#rope = rope;
    this.#keys = new KeyChain(root, this.tokens);
  }

  /**
   * For who finds that its policy leaves out too much: from the next generated token on it is computed under a denser one,
   * null for densely. Not while a step computes it. What comes before stays as it is, also when it is computed again.
   */
  fallBack(policy: CompiledPolicy | null): void {
    this.attention.fallBack(policy, this.tokens.length - 1);
  }

  /** Takes over the keys of a sequence that it has just been forked from. */
  inheritKeys(parent: Sequence): void {
    if (parent.keys.root === this.#keys.root) this.#keys = parent.keys.copyFor(this.tokens);
  }

  /** Keys of its full blocks; another object once it has other tables. */
  get keys(): KeyChain {
    return this.#keys;
  }

  /** Key of a full block of the sequence; computed once. */
  key(block: number): Uint8Array {
    return this.#keys.key(block);
  }

  blockTokens(block: number): Int32Array {
    return this.#keys.tokens(block);
  }
}
