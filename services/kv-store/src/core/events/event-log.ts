import type { BlockEvent, BlockEventBatch } from '@longhaul/kv-core';
import { EventRing } from './event-ring.js';
import type { EventSink, StoreObserver } from '../ports.js';
import { storeErrors } from '../store-errors.js';

/** Most events of one batch. */
export const BATCH_EVENTS = 256;

type Unnumbered<E> = E extends BlockEvent ? Omit<E, 'sequence'> : never;
/** An event before the log gives it its place. */
export type NewEvent = Unnumbered<BlockEvent>;

export interface EventLogOptions {
  readonly owner: string;
  readonly storeEpoch: bigint;
  /** Events that a slow watcher may be behind before it is told of a gap. */
  readonly ringEvents: number;
  readonly maxWatchers: number;
  readonly sink: EventSink | null;
  readonly observer: StoreObserver;
}

export interface WatchPlace {
  readonly storeEpoch: bigint;
  readonly fromSequence: bigint;
  /** Whose events: null takes all. Numbers of other namespaces' events are missing then, without a gap flag. */
  readonly wants: ((event: BlockEvent) => boolean) | null;
}

/** The last events of the store in order, and those who wait for the next. Sequence numbers start at 1. */
export class EventLog {
  readonly #options: EventLogOptions;
  readonly #ring: EventRing;
  #next = 1n;
  #watchers = 0;
  #wake: (() => void)[] = [];

  constructor(options: EventLogOptions) {
    this.#options = options;
    this.#ring = new EventRing(options.ringEvents);
  }

  /** Number that the next event will have. */
  get nextSequence(): bigint {
    return this.#next;
  }

  append(event: NewEvent): void {
    const numbered: BlockEvent = { ...event, sequence: this.#next };
    this.#next += 1n;
    this.#ring.set(numbered);
    this.#publish(numbered);
    const waiting = this.#wake;
    this.#wake = [];
    for (const resolve of waiting) resolve();
  }

  /**
   * Events from a number on, as they come. A batch with `gap` tells that events are missing before it (the ring was
   * overrun, the place is of another epoch or was never reached): the watcher takes a snapshot. Ends by the signal.
   */
  async *watch(place: WatchPlace, signal?: AbortSignal): AsyncGenerator<BlockEventBatch, void, undefined> {
    const { maxWatchers, storeEpoch } = this.#options;
    if (this.#watchers >= maxWatchers) {
      throw storeErrors.busy(`The store has its ${maxWatchers} watchers.`, { limit: maxWatchers });
    }
    this.#countWatchers(1);
    try {
      const known = place.storeEpoch === storeEpoch && place.fromSequence >= 1n && place.fromSequence <= this.#next;
      let cursor = known ? place.fromSequence : this.#oldest();
      let gap = !known;
      while (!signal?.aborted) {
        if (cursor < this.#oldest()) {
          cursor = this.#oldest();
          gap = true;
        }
        const { events, end } = this.#collect(cursor, place.wants);
        if (events.length > 0 || gap) {
          if (gap) this.#options.observer.counted('event_gaps', 1, {});
          yield this.batch(events, { firstSequence: cursor, gap });
        }
        gap = false;
        cursor = end;
        if (cursor === this.#next) await this.#changed(signal);
      }
    } finally {
      this.#countWatchers(-1);
    }
  }

  batch(
    events: readonly BlockEvent[],
    about: { firstSequence: bigint; gap?: boolean; snapshot?: boolean; snapshotEnd?: boolean },
  ): BlockEventBatch {
    const { owner, storeEpoch } = this.#options;
    const flags = { snapshot: false, snapshotEnd: false, gap: false };
    return { owner, storeEpoch, ...flags, ...about, events };
  }

  #oldest(): bigint {
    const kept = BigInt(this.#options.ringEvents);
    return this.#next - 1n > kept ? this.#next - kept : 1n;
  }

  #collect(from: bigint, wants: WatchPlace['wants']): { events: BlockEvent[]; end: bigint } {
    const events: BlockEvent[] = [];
    let at = from;
    for (; at < this.#next && events.length < BATCH_EVENTS; at += 1n) {
      const event = this.#ring.get(at);
      if (!wants || wants(event)) events.push(event);
    }
    return { events, end: at };
  }

  #changed(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal?.removeEventListener('abort', done);
        this.#wake = this.#wake.filter((other) => other !== done);
        resolve();
      };
      if (signal?.aborted) return resolve();
      this.#wake.push(done);
      signal?.addEventListener('abort', done);
    });
  }

  #publish(event: BlockEvent): void {
    if (!this.#options.sink) return;
    try {
      this.#options.sink.publish(this.batch([event], { firstSequence: event.sequence }));
    } catch {
      this.#options.observer.counted('sink_errors', 1, {});
    }
  }

  #countWatchers(by: number): void {
    this.#watchers += by;
    this.#options.observer.measured('watchers', this.#watchers, this.#options.maxWatchers, {});
  }
}
