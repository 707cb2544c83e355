import { PAGE_TOKENS, pagesFor, type EngineLimits } from '../limits.js';
import type { BlockManager, Reservation } from '../pages/block-manager.js';
import type { Sequence } from '../sequence/sequence.js';
import { FairShare } from './fair-share.js';
import { shareOut } from './prefill-shares.js';
import { clientOf, WaitingQueue } from './waiting-queue.js';

/** One sequence's part in a step. */
export interface PlannedItem {
  readonly sequence: Sequence;
  /** Tokens to compute: from `sequence.computed` on. */
  readonly tokens: number;
  readonly reservation: Reservation;
}

export interface SchedulerEvents {
  admitted(sequence: Sequence, cachedTokens: number): void;
  preempted(sequence: Sequence, lostTokens: number): void;
}

/**
 * Decides what the next step computes. Every running decode is in every step; what is left of the token budget goes
 * to prompts. Pages run short: the sequence admitted last gives up its pages and is computed again later.
 */
export class Scheduler {
  readonly waiting: WaitingQueue;
  readonly fairShare = new FairShare();
  /** In the order of admission. */
  readonly running: Sequence[] = [];
  /** Sequences of a failed step; each runs alone once, so that a faulty one is found. */
  readonly suspects = new Set<Sequence>();
  readonly #limits: EngineLimits;
  readonly #blocks: BlockManager;
  readonly #events: SchedulerEvents;
  #admissions = 0;
  /** Head of the queue that did not fit; looked at again when a sequence has given up pages. */
  #refused: Sequence | null = null;

  constructor(limits: EngineLimits, blocks: BlockManager, events: SchedulerEvents) {
    this.#limits = limits;
    this.#blocks = blocks;
    this.#events = events;
    this.waiting = new WaitingQueue(this.fairShare);
  }

  get usedSlots(): number {
    return this.running.reduce((sum, sequence) => sum + sequence.slots, 0);
  }

  /** Chooses the step's sequences and reserves their pages. Empty only when there is nothing to do. */
  plan(): PlannedItem[] {
    for (;;) {
      const items: PlannedItem[] = [];
      const suspect = this.#nextSuspect();
      if (suspect !== undefined) {
        this.#placePrefill(suspect, this.#prefillBudget(0), items);
      } else {
        const preempted = this.#placeDecodes(items);
        if (!preempted) this.#admit();
        this.#placePrefills(items);
      }
      if (items.length > 0 || this.running.length === 0) return items;
      // Nobody could advance: prompts in parts hold all pages between them.
      const latest = this.running.findLast((sequence) => sequence !== suspect);
      if (latest === undefined || this.running.length === 1)
        throw new Error('a sequence alone does not fit the page pool');
      this.#preempt(latest);
    }
  }

  /** Puts a sequence behind all running ones. */
  start(sequence: Sequence): void {
    sequence.state = 'running';
    if (sequence.admission < 0) sequence.admission = this.#admissions++;
    const index = this.running.findLastIndex((other) => other.admission < sequence.admission);
    this.running.splice(index + 1, 0, sequence);
  }

  /** Forgets a sequence and frees its pages. */
  end(sequence: Sequence): void {
    if (sequence.state === 'running') this.running.splice(this.running.indexOf(sequence), 1);
    else this.waiting.remove(sequence);
    this.suspects.delete(sequence);
    sequence.state = 'ended';
    this.#refused = null;
    this.#blocks.drop(sequence);
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
          items.push({ sequence, tokens: 1, reservation });
          break;
        }
        // The latest admitted is this one or comes after it, so it is not in the plan yet.
        const victim = this.running.at(-1) as Sequence;
        this.#preempt(victim);
        preempted = true;
      }
    }
    return preempted;
  }

  #admit(): void {
    for (let head = this.waiting.head(); head !== undefined; head = this.waiting.head()) {
      if (this.usedSlots + head.slots > this.#limits.maxSequences) return;
      if (head === this.#refused && this.running.length > 0) return;
      const cachedTokens = head.owner.promptLogprobs === null ? this.#blocks.adoptPrefix(head) : 0;
      if (!this.#hasRoomFor(head)) {
        this.#blocks.drop(head);
        this.#refused = head;
        return;
      }
      this.waiting.remove(head);
      // What a preempted sequence computes again is not the client's doing.
      if (head.admission < 0) this.fairShare.chargePrompt(clientOf(head), head.remaining);
      this.start(head);
      this.#events.admitted(head, cachedTokens);
    }
  }

  /** Room for the whole prompt, for what admitted prompts still need, and a page for each running sequence to grow. */
  #hasRoomFor(sequence: Sequence): boolean {
    if (this.running.length === 0) return true;
    const own = pagesFor(sequence.tokens.length) - sequence.pages.length;
    const others = this.running.reduce((sum, r) => sum + pagesFor(r.tokens.length) - r.pages.length, 0);
    return own + others + this.running.length <= this.#blocks.pool.available;
  }

  #placePrefills(items: PlannedItem[]): void {
    // Not just those with several tokens left: a one-token prompt admitted a moment ago is no planned decode.
    const planned = new Set(items.map(({ sequence }) => sequence));
    const prefilling = this.running.filter((sequence) => !planned.has(sequence));
    const shares = shareOut(
      prefilling.map((sequence) => sequence.remaining),
      this.#prefillBudget(items.length),
    );
    let scoreRows = this.#limits.maxScoreRows;
    prefilling.forEach((sequence, i) => {
      const scored = sequence.owner.promptLogprobs !== null;
      const share = Math.min(shares[i] ?? 0, scored ? scoreRows : Infinity);
      const taken = this.#placePrefill(sequence, share, items);
      if (scored) scoreRows -= taken;
    });
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
    const tokens = alignedChunk(sequence, Math.min(most, room));
    if (tokens <= 0) return 0;
    const reservation = this.#blocks.reserve(sequence, tokens);
    if (reservation === null) return 0;
    items.push({ sequence, tokens, reservation });
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

/** Ends a chunk at a page boundary unless it finishes the prompt or is shorter than a page. */
function alignedChunk(sequence: Sequence, tokens: number): number {
  if (tokens >= sequence.remaining) return sequence.remaining;
  const end = Math.floor((sequence.computed + tokens) / PAGE_TOKENS) * PAGE_TOKENS;
  return end > sequence.computed ? end - sequence.computed : tokens;
}
