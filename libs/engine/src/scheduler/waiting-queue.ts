import { spaceText } from '../keys/space-table.js';
import type { Sequence } from '../sequence/sequence.js';
import type { FairShare } from './fair-share.js';

/**
 * Sequences that hold no pages. Preempted ones come first, in the order of their first admission; then fresh ones by
 * priority (smaller is sooner), then by least service of their client (tenant and cache salt), then by arrival.
 */
export class WaitingQueue {
  readonly #fairShare: FairShare;
  readonly #preempted: Sequence[] = [];
  readonly #fresh: Sequence[] = [];

  constructor(fairShare: FairShare) {
    this.#fairShare = fairShare;
  }

  get size(): number {
    return this.#preempted.length + this.#fresh.length;
  }

  /** Waiting requests that were never admitted; the ones the queue's bound counts. */
  get freshCount(): number {
    return this.#fresh.length;
  }

  get freshTokens(): number {
    return this.#fresh.reduce((sum, sequence) => sum + sequence.tokens.length, 0);
  }

  add(sequence: Sequence): void {
    const client = clientOf(sequence);
    const waiting = new Set(this.#fresh.map(clientOf));
    if (!waiting.has(client)) this.#fairShare.arrive(client, waiting);
    this.#fresh.push(sequence);
  }

  addPreempted(sequence: Sequence): void {
    this.#preempted.push(sequence);
    this.#preempted.sort((a, b) => a.admission - b.admission);
  }

  remove(sequence: Sequence): void {
    for (const list of [this.#preempted, this.#fresh]) {
      const index = list.indexOf(sequence);
      if (index >= 0) list.splice(index, 1);
    }
  }

  /** Who is next; stays in the queue. */
  head(): Sequence | undefined {
    return this.#preempted[0] ?? this.#nextFresh();
  }

  all(): readonly Sequence[] {
    return [...this.#preempted, ...this.#fresh];
  }

  #nextFresh(): Sequence | undefined {
    let best: Sequence | undefined;
    for (const candidate of this.#fresh) if (best === undefined || this.#before(candidate, best)) best = candidate;
    return best;
  }

  /** Strict, so that of equals the earlier arrival stays ahead. */
  #before(a: Sequence, b: Sequence): boolean {
    const byPriority = a.owner.request.priority - b.owner.request.priority;
    if (byPriority !== 0) return byPriority < 0;
    return this.#fairShare.served(clientOf(a)) < this.#fairShare.served(clientOf(b));
  }
}

export function clientOf(sequence: Sequence): string {
  return spaceText(sequence.owner.request);
}
