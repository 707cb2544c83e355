import type { Drafting } from '../drafting/drafting.js';
import { PAGE_TOKENS, pagesFor, type EngineLimits } from '../limits.js';
import type { BlockManager } from '../pages/block-manager.js';
import type { Sequence } from '../sequence/sequence.js';
import { FairShare } from './fair-share.js';
import { NO_DRAFTS, type PlannedItem } from './planned-item.js';
import type { LoadHandle, PrefixLoader } from './prefix-loader.js';
import { shareOut, type PrefillDemand } from './prefill-shares.js';
import { clientOf, WaitingQueue } from './waiting-queue.js';

export interface SchedulerEvents {
  /** The sequence has its place, and its cached prefix; more of it is being loaded. */
  loading(sequence: Sequence): void;
  /** Prompt tokens that were in the pool, and those that were loaded into it since. */
  admitted(sequence: Sequence, cachedTokens: number, loadedTokens: number): void;
  preempted(sequence: Sequence, lostTokens: number): void;
  /** It has been preempted because its text is too long for its rotary tables, and needs others. */
  outgrown(sequence: Sequence): void;
}

/**
 * Decides what the next step computes. Every running decode is in every step; what is left of the token budget goes
 * to prompts, and then to drafted tokens. Pages run short: the sequence admitted last gives up its pages and is computed
 * again later.
 */
export class Scheduler {
  readonly waiting: WaitingQueue;
  readonly fairShare = new FairShare();
  /** In the order of admission. */
  readonly running: Sequence[] = [];
  /** In the order of admission. They hold places and pages but are in no step. */
  readonly loading = new Map<Sequence, LoadHandle>();
  /** Sequences of a failed step; each runs alone once, so that a faulty one is found. */
  readonly suspects = new Set<Sequence>();
  readonly #limits: EngineLimits;
  readonly #blocks: BlockManager;
  readonly #events: SchedulerEvents;
  readonly #loader: PrefixLoader | null;
  readonly #drafting: Drafting;
  /** Sequences that lost a load to a shortage of pages; they are not loaded for again. */
  readonly #notLoaded = new WeakSet<Sequence>();
  #admissions = 0;
  /** Head of the queue that did not fit; looked at again when a sequence has given up pages. */
  #refused: Sequence | null = null;

  constructor(
    limits: EngineLimits,
    parts: { blocks: BlockManager; events: SchedulerEvents; loader: PrefixLoader | null; drafting: Drafting },
  ) {
    this.#limits = limits;
    this.#blocks = parts.blocks;
    this.#events = parts.events;
    this.#loader = parts.loader;
    this.#drafting = parts.drafting;
    this.waiting = new WaitingQueue(this.fairShare);
  }

  get usedPlaces(): number {
    return [...this.running, ...this.loading.keys()].reduce((sum, sequence) => sum + sequence.places, 0);
  }

  /** An empty plan is no fault then: loads will end, or transfers give pages back. */
  get awaitsTransfers(): boolean {
    return this.loading.size > 0 || this.#blocks.pagesComeBack;
  }

  /** Chooses the step's sequences and reserves their pages. Empty when there is nothing to do, or only transfers. */
  plan(): PlannedItem[] {
    this.#recomputeOutgrown();
    for (;;) {
      const items: PlannedItem[] = [];
      const suspect = this.#nextSuspect();
      if (suspect !== undefined) {
        this.#placePrefill(suspect, this.#prefillBudget(0), items);
      } else {
        const preempted = this.#placeDecodes(items);
        if (!preempted) this.#admit();
        this.#placeGated(items, this.#placePrefills(items));
        this.#placeDrafts(items);
      }
      if (items.length > 0 || this.running.length === 0) return items;
      // Nobody could advance: prompts in parts hold all pages between them, or loads do.
      if (this.#giveUpLatestLoad()) continue;
      if (this.#blocks.pagesComeBack) return items;
      const latest = this.running.findLast((sequence) => sequence !== suspect);
      if (latest === undefined || this.running.length === 1)
        throw new Error('a sequence alone does not fit the page pool');
      this.#preempt(latest);
    }
  }

  /** Puts a sequence behind all running ones. */
  start(sequence: Sequence): void {
    sequence.state = 'running';
    this.#number(sequence);
    const index = this.running.findLastIndex((other) => other.admission < sequence.admission);
    this.running.splice(index + 1, 0, sequence);
  }

  /** Forgets a sequence and frees its pages. */
  end(sequence: Sequence): void {
    if (sequence.state === 'running') this.running.splice(this.running.indexOf(sequence), 1);
    else if (sequence.state === 'loading') this.#stopLoading(sequence);
    else this.waiting.remove(sequence);
    this.suspects.delete(sequence);
    sequence.state = 'ended';
    this.#refused = null;
    this.#blocks.drop(sequence);
  }

  #recomputeOutgrown(): void {
    for (const sequence of this.running.filter((candidate) => candidate.outgrown)) {
      this.#preempt(sequence);
      this.#events.outgrown(sequence);
    }
  }

  #nextSuspect(): Sequence | undefined {
    for (const suspect of this.suspects) {
      if (suspect.state === 'running') return suspect;
      this.suspects.delete(suspect);
    }
    return undefined;
  }

  /** True if a sequence had to be preempted: then nobody is admitted in this step. */
  #placeDecodes(items: PlannedItem[]): boolean {
    let preempted = false;
    for (const sequence of this.running.filter((candidate) => candidate.remaining === 1)) {
      while (sequence.state === 'running') {
        const reservation = this.#blocks.reserve(sequence, 1);
        if (reservation !== null) {
          items.push({ sequence, past: sequence.computed, tokens: 1, reservation, gated: null, drafts: NO_DRAFTS });
          break;
        }
        preempted = true;
        if (this.#giveUpLatestLoad()) continue;
        // Left out of this step: its page is on the way.
        if (this.#blocks.pagesComeBack) break;
        // The latest admitted is this one or comes after it, so it is not in the plan yet.
        const victim = this.running.at(-1) as Sequence;
        this.#preempt(victim);
      }
    }
    return preempted;
  }

  #admit(): void {
    for (let head = this.waiting.head(); head !== undefined; head = this.waiting.head()) {
      if (this.usedPlaces + head.places > this.#limits.maxSequences) return;
      if (head === this.#refused && this.running.length + this.loading.size > 0) return;
      const cachedTokens = head.owner.promptLogprobs === null ? this.#blocks.adoptPrefix(head) : 0;
      if (!this.#hasRoomFor(head)) {
        this.#blocks.drop(head);
        this.#refused = head;
        return;
      }
      this.waiting.remove(head);
      this.#begin(head, cachedTokens);
    }
  }

  /** Loads what the store has of the rest first, if that is worth it. */
  #begin(sequence: Sequence, cachedTokens: number): void {
    const first = this.#number(sequence);
    const run = (loadedTokens: number): void => {
      this.loading.delete(sequence);
      this.#refused = null;
      // What a preempted sequence computes again is not the client's doing.
      if (first) this.fairShare.chargePrompt(clientOf(sequence), sequence.remaining);
      this.start(sequence);
      this.#events.admitted(sequence, cachedTokens, loadedTokens);
    };
    const mayLoad = sequence.owner.promptLogprobs === null && !this.#notLoaded.has(sequence);
    const load = mayLoad ? (this.#loader?.load(sequence, run) ?? null) : null;
    if (load === null) {
      run(0);
      return;
    }
    sequence.state = 'loading';
    this.loading.set(sequence, load);
    this.#events.loading(sequence);
  }

  /** Its place in the order of admission, once. @returns whether it had none. */
  #number(sequence: Sequence): boolean {
    if (sequence.admission >= 0) return false;
    sequence.admission = this.#admissions++;
    return true;
  }

  #stopLoading(sequence: Sequence): void {
    this.loading.get(sequence)?.abort();
    this.loading.delete(sequence);
  }

  /** Pages are short: the sequence that has got least so far computes its prefix instead. */
  #giveUpLatestLoad(): boolean {
    const latest = [...this.loading.keys()].at(-1);
    if (latest === undefined) return false;
    this.#stopLoading(latest);
    this.#notLoaded.add(latest);
    this.#blocks.drop(latest);
    latest.state = 'waiting';
    this.waiting.addPreempted(latest);
    this.#refused = null;
    return true;
  }

  /** Room for the whole prompt, for what admitted prompts still need, and a page for each running sequence to grow. */
  #hasRoomFor(sequence: Sequence): boolean {
    const others = this.running.length + this.loading.size;
    if (others === 0) return true;
    let needed = pagesFor(sequence.tokens.length) - sequence.pages.length + others;
    for (const r of this.running) needed += pagesFor(r.tokens.length) - r.pages.length;
    for (const [l, load] of this.loading) needed += pagesFor(l.tokens.length) - l.pages.length - load.reserved;
    return needed <= this.#blocks.pool.available;
  }

  /** @returns what is left of the budget. */
  #placePrefills(items: PlannedItem[]): number {
    // Not just those with several tokens left: a one-token prompt admitted a moment ago is no planned decode.
    const planned = new Set(items.map(({ sequence }) => sequence));
    const prefilling = this.running.filter((sequence) => !planned.has(sequence));
    let left = this.#prefillBudget(items.length);
    const shares = shareOut(prefilling.map(demandOf), left);
    let scoreRows = this.#limits.maxScoreRows;
    prefilling.forEach((sequence, i) => {
      const scored = sequence.owner.promptLogprobs !== null;
      const share = Math.min(shares[i] ?? 0, scored ? scoreRows : Infinity);
      const taken = this.#placePrefill(sequence, share, items);
      if (scored) scoreRows -= taken;
      left -= taken;
    });
    return left;
  }

  /** What the others leave goes to sequences whose prefix will be there before the step has got far. */
  #placeGated(items: PlannedItem[], budget: number): void {
    let left = budget;
    for (const [sequence, load] of this.loading) {
      const early = left > 0 ? load.early(items.length === 0) : null;
      if (early === null) continue;
      const pagesAhead = early.pages.length;
      const past = sequence.computed + pagesAhead * PAGE_TOKENS;
      const room = this.#blocks.pool.available * PAGE_TOKENS;
      const tokens = sequence.chunk(past, Math.min(left, room));
      const reservation = tokens > 0 ? this.#blocks.reserve(sequence, tokens, pagesAhead) : null;
      if (reservation === null) continue;
      const { pages, claim } = early;
      items.push({
        sequence,
        past,
        tokens,
        reservation,
        gated: { pages, claim, gate: early.open() },
        drafts: NO_DRAFTS,
      });
      left -= tokens;
    }
  }

  /**
   * Drafted tokens get what everybody else has left of the step's tokens and of the pool; nobody gives way to them. Cached
   * pages that nobody uses may: they would have to with the next tokens anyway.
   */
  #placeDrafts(items: PlannedItem[]): void {
    const room = this.#limits.maxBatchedTokens - items.reduce((sum, { tokens }) => sum + tokens, 0);
    for (const [index, proposed] of this.#drafting.plan(items, room)) {
      const item = items[index] as PlannedItem;
      const { sequence } = item;
      const drafts = proposed.subarray(0, this.#blocks.roomWith(sequence, item.reservation) - item.tokens);
      const tokens = item.tokens + drafts.length;
      items[index] = { ...item, tokens, drafts, reservation: this.#blocks.extend(sequence, item.reservation, tokens) };
    }
  }

  #prefillBudget(decodes: number): number {
    return Math.min(this.#limits.maxPrefillTokens, this.#limits.maxBatchedTokens - decodes);
  }

  /** Adds at most `share` tokens of a prompt, fewer if pages are short; returns how many. */
  #placePrefill(sequence: Sequence, share: number, items: PlannedItem[]): number {
    const scored = sequence.owner.promptLogprobs !== null;
    const most = Math.min(share, sequence.remaining, scored ? this.#limits.maxScoreRows : Infinity);
    const copied = this.#blocks.pagesNeeded(sequence, 0);
    const room = (sequence.pages.length + this.#blocks.pool.available - copied) * PAGE_TOKENS - sequence.computed;
    const past = sequence.computed;
    const tokens = sequence.chunk(past, Math.min(most, room));
    if (tokens <= 0) return 0;
    const reservation = this.#blocks.reserve(sequence, tokens);
    if (reservation === null) return 0;
    items.push({ sequence, past, tokens, reservation, gated: null, drafts: NO_DRAFTS });
    return tokens;
  }

  #preempt(sequence: Sequence): void {
    const lostTokens = sequence.computed;
    this.#refused = null;
    this.running.splice(this.running.indexOf(sequence), 1);
    this.#blocks.drop(sequence);
    sequence.state = 'waiting';
    this.waiting.addPreempted(sequence);
    this.#events.preempted(sequence, lostTokens);
  }
}

function demandOf(sequence: Sequence): PrefillDemand {
  const { computed, remaining } = sequence;
  const least = sequence.leastChunk(computed);
  // Where any cut will do the chunk itself is cut to pages, and what that leaves is too little to share.
  return { remaining, least, fit: (tokens) => (least > 1 ? sequence.chunk(computed, tokens) : tokens) };
}
