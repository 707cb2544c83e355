import type { ChainRoot } from '../keys/chain-roots.js';
import { KeyChain } from '../keys/key-chain.js';
import type { RopeTable } from '../ports.js';
import type { CacheNode } from '../pages/prefix-cache.js';
import type { ChoiceOutput } from './choice-output.js';
import { IntList } from './int-list.js';
import type { RequestState } from './request-state.js';
import type { TokenStatistics } from './token-statistics.js';

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
  }

  get outputLength(): number {
    return this.tokens.length - this.promptLength;
  }

  /** Tokens to compute before the next one can be drawn; 1 for a decoding sequence. */
  get remaining(): number {
    return this.tokens.length - this.computed;
  }

  /** Slots of a step that the sequence occupies, its unborn siblings included. */
  get slots(): number {
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
