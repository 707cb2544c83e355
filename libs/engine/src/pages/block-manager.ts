import { PAGE_TOKENS, pagesFor } from '../limits.js';
import type { ModelRunner } from '../ports.js';
import type { Sequence } from '../sequence/sequence.js';
import { PagePool } from './page-pool.js';
import { PrefixCache, type BlockResidency, type CacheNode } from './prefix-cache.js';

/** Pages set aside for one sequence's share of a step. The block table is untouched until commit. */
export interface Reservation {
  /** Pages to append to the block table. */
  readonly appended: readonly number[];
  /** Replacement of a shared last page that the step writes to; null when the page is the sequence's own. */
  readonly replaced: { index: number; page: number } | null;
}

/** Pages that a transfer uses: it holds one reference to each. */
export interface PageHold {
  readonly pages: readonly number[];
  /** The transfer was told to stop: the pages come back as soon as it has let go of them. */
  ending: boolean;
}

/** Block tables of all sequences over one pool: reserve, commit, release, share, and the prefix cache. */
export class BlockManager {
  readonly pool: PagePool;
  readonly cache: PrefixCache;
  readonly #runner: ModelRunner;
  readonly #caching: boolean;
  readonly #holds = new Set<PageHold>();
  #freed: number[] = [];

  constructor(runner: ModelRunner, options: { pages: number; prefixCaching: boolean }, residency?: BlockResidency) {
    this.#runner = runner;
    this.#caching = options.prefixCaching;
    this.pool = new PagePool(options.pages, runner.poison ? (page) => this.#freed.push(page) : undefined);
    this.cache = new PrefixCache(this.pool, residency);
  }

  /** Pages that `reserve` would take. */
  pagesNeeded(sequence: Sequence, newTokens: number, pagesAhead = 0): number {
    const end = pagesFor(sequence.computed + pagesAhead * PAGE_TOKENS + newTokens);
    const appended = end - sequence.pages.length - pagesAhead;
    return appended + (this.#sharedLastPage(sequence) === null ? 0 : 1);
  }

  /**
   * Sets pages aside for `newTokens` more tokens. Null, and nothing taken, when the pool is short.
   *
   * @param pagesAhead full pages that are on their way and come first.
   */
  reserve(sequence: Sequence, newTokens: number, pagesAhead = 0): Reservation | null {
    const needed = this.pagesNeeded(sequence, newTokens, pagesAhead);
    if (needed > this.pool.available) return null;
    const index = this.#sharedLastPage(sequence);
    const replaced = index === null ? null : { index, page: this.#take() };
    const appended = this.#takeInOrder(needed - (replaced === null ? 0 : 1));
    return { appended, replaced };
  }

  /** New tokens that a reservation would hold if it had all pages that there are. */
  roomWith(sequence: Sequence, { appended }: Reservation): number {
    const pages = sequence.pages.length + appended.length + this.pool.available;
    return pages * PAGE_TOKENS - sequence.computed;
  }

  /**
   * A reservation for more new tokens in place of the given one, which is void then.
   *
   * @param newTokens at most `roomWith`.
   */
  extend(sequence: Sequence, { appended, replaced }: Reservation, newTokens: number): Reservation {
    const more = pagesFor(sequence.computed + newTokens) - sequence.pages.length - appended.length;
    return { appended: [...appended, ...this.#takeInOrder(Math.max(0, more))], replaced };
  }

  /** From here on until `endStep`, pages that are given back are not handed out: the step may still write to them. */
  beginStep(): void {
    this.pool.beginStep();
  }

  endStep(): void {
    this.pool.endStep();
  }

  /** Poisons what has been freed since, if the runner can. Between steps only, before reservations. */
  poisonFreed(): void {
    if (this.#freed.length === 0 || this.#runner.poison === undefined) return;
    const stillFree = new Set(this.#freed.filter((page) => this.pool.isFree(page)));
    this.#freed = [];
    if (stillFree.size > 0) this.#runner.poison(Int32Array.from(stillFree));
  }

  /** Copies shared last pages to their replacements. Between steps only, after all reservations. */
  copyShared(planned: readonly { sequence: Sequence; reservation: Reservation }[]): void {
    for (const { sequence, reservation } of planned) {
      const { replaced } = reservation;
      if (replaced !== null) this.#runner.copyPage(sequence.pages.at(replaced.index), replaced.page);
    }
  }

  /** Gives a reservation back. */
  release(reservation: Reservation): void {
    if (reservation.replaced !== null) this.pool.release(reservation.replaced.page);
    for (const page of reservation.appended) this.pool.release(page);
  }

  /**
   * The step has run: the tokens are computed, their pages belong to the sequence. Pages reserved for more tokens than
   * that, which were drafted and refused, are given back. What refused tokens left in the last page is written over by the
   * next tokens before anybody reads it.
   */
  commit(sequence: Sequence, newTokens: number, reservation: Reservation): void {
    const { replaced } = reservation;
    if (replaced !== null) {
      this.pool.release(sequence.pages.at(replaced.index));
      sequence.pages.set(replaced.index, replaced.page);
    }
    sequence.computed += newTokens;
    const kept = pagesFor(sequence.computed) - sequence.pages.length;
    reservation.appended.forEach((page, i) => {
      if (i < kept) sequence.pages.push(page);
      else this.pool.release(page);
    });
  }

  /**
   * Publishes the sequence's full blocks, which it has computed, in the prefix cache. Tokens whose KV is there but which
   * are not part of its text yet are left out: an answer may end before them. So is what others must not use.
   */
  publish(sequence: Sequence): void {
    for (const node of this.#publish(sequence)) sequence.computedNodes.add(node);
  }

  /** @returns the blocks that nobody had published before. */
  #publish(sequence: Sequence): CacheNode[] {
    const fresh: CacheNode[] = [];
    if (!this.#caching) return fresh;
    const fullBlocks = Math.floor(Math.min(sequence.computed, sequence.sharedLength) / PAGE_TOKENS);
    for (let block = sequence.nodes.length; block < fullBlocks; block++) {
      const page = sequence.pages.at(block);
      const parent = sequence.nodes[block - 1] ?? null;
      const tokens = sequence.blockTokens(block);
      const node = this.cache.insert({ parent, key: sequence.key(block), tokens, page });
      if (node === null) return fresh;
      // Somebody computed the same block meanwhile: keep one copy, so that a chain's users hold all of its pages.
      if (node.page !== page) {
        this.pool.retain(node.page);
        sequence.pages.set(block, node.page);
        this.pool.release(page);
      } else fresh.push(node);
      sequence.nodes.push(node);
    }
    return fresh;
  }

  /** Gives a waiting sequence the cached blocks of its prefix; all but the last token at most. Returns the tokens. */
  adoptPrefix(sequence: Sequence): number {
    if (!this.#caching) return 0;
    const blocks = sequence.cutPages(sequence.tokens.length - 1);
    const keys = Array.from({ length: blocks }, (_, block) => sequence.key(block));
    const wanted = (found: number): number => sequence.cutPages(found * PAGE_TOKENS);
    const nodes = this.cache.match(keys, (block) => sequence.blockTokens(block), wanted);
    for (const node of nodes) sequence.pages.push(node.page);
    sequence.nodes = nodes;
    sequence.computed = nodes.length * PAGE_TOKENS;
    return sequence.computed;
  }

  /** Keeps sealed pages from being reused while they are copied. */
  hold(pages: readonly number[]): PageHold {
    for (const page of pages) this.pool.retain(page);
    return this.#addHold(pages, true);
  }

  /** Sets fresh pages aside for a load. Null, and nothing taken, when the pool is short. */
  holdFresh(count: number): PageHold | null {
    if (count > this.pool.available) return null;
    return this.#addHold(this.#takeInOrder(count), false);
  }

  releaseHold(hold: PageHold): void {
    if (!this.#holds.delete(hold)) return;
    for (const page of hold.pages) this.pool.release(page);
  }

  holds(): Iterable<PageHold> {
    return this.#holds;
  }

  /** Whether pages will come back without anybody's doing. */
  get pagesComeBack(): boolean {
    for (const hold of this.#holds) if (hold.ending) return true;
    return false;
  }

  /** Gives a sequence the first pages of a hold, which now have the KV of its next tokens; the others are freed. */
  adoptLoaded(sequence: Sequence, hold: PageHold, count: number): void {
    this.#holds.delete(hold);
    hold.pages.forEach((page, i) => {
      if (i < count) sequence.pages.push(page);
      else this.pool.release(page);
    });
    sequence.computed += count * PAGE_TOKENS;
    this.#publish(sequence);
  }

  #addHold(pages: readonly number[], ending: boolean): PageHold {
    const hold = { pages, ending };
    this.#holds.add(hold);
    return hold;
  }

  /** Lets `fork` share everything that `parent` has computed. */
  share(parent: Sequence, fork: Sequence): void {
    for (const page of parent.pages.view()) {
      this.pool.retain(page);
      fork.pages.push(page);
    }
    fork.nodes = [...parent.nodes];
    fork.inheritKeys(parent);
    fork.computed = parent.computed;
    fork.attention.share(parent.attention);
  }

  /** Takes everything from a sequence. The deepest blocks go first, so that eviction begins with them. */
  drop(sequence: Sequence): void {
    const pages = sequence.pages.view();
    for (let i = pages.length - 1; i >= 0; i--) this.pool.release(pages[i] as number);
    sequence.pages.clear();
    sequence.nodes = [];
    sequence.computed = 0;
    sequence.attention.close();
  }

  /** Withdraws the blocks that the sequence itself has computed: their content cannot be trusted. */
  distrust(sequence: Sequence): void {
    this.cache.forget([...sequence.computedNodes]);
    sequence.computedNodes.clear();
  }

  /** Index of the page that the next token goes to, if other sequences use it as well. */
  #sharedLastPage(sequence: Sequence): number | null {
    const index = Math.floor(sequence.computed / PAGE_TOKENS);
    if (index >= sequence.pages.length) return null;
    return this.pool.references(sequence.pages.at(index)) > 1 ? index : null;
  }

  /** Ascending: kernels read pages that follow each other in memory faster. */
  #takeInOrder(count: number): number[] {
    return Array.from({ length: count }, () => this.#take()).sort((a, b) => a - b);
  }

  #take(): number {
    const page = this.pool.take();
    // `reserve` has counted; running short here is a defect in the accounting.
    if (page === null) throw new Error('the page pool is shorter than it said');
    return page;
  }
}
