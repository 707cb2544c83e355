import { kvstoreV1 } from '@longhaul/contracts';
import { AppError } from '@longhaul/kernel';
import type { BlockEvent, BlockEventBatch } from '@longhaul/kv-core';
import { EVENTS_TOPIC } from '@longhaul/kv-events';
import { toEventBatch } from '@longhaul/kv-wire';
import type { BusLog, EventBus } from '@longhaul/platform-kafka';
import type { EventSink } from '../../core/ports.js';
import type { DropReason, EventObserver } from './event-observer.js';

/** Most events of one record, and most keys: both keep records far below what a broker takes. */
const BATCH_EVENTS = 256;
const BATCH_KEYS = 4096;

export interface PublisherOptions {
  readonly bus: EventBus;
  readonly owner: string;
  /** Events that wait for the bus at most; more are dropped, and followers resync. */
  readonly maxQueuedEvents: number;
  /** Without events, followers are told that often where the store stands. */
  readonly heartbeatMs: number;
  readonly observer: EventObserver;
  readonly log: BusLog;
}

/**
 * Writes the store's events to the events topic, in order, without ever holding the store up. When the bus does not
 * take them in time they are dropped: the next batch says `gap`, and its number is beyond what followers expect. Where
 * there is no next event a heartbeat, a batch without events, says the same.
 */
export class BlockEventPublisher implements EventSink {
  readonly #options: PublisherOptions;
  #pending: BlockEvent[] = [];
  #underWay = 0;
  #epoch = 0n;
  /** Number after the last event that the store told, sent or dropped. */
  #next = 1n;
  /** Number after the last event that was given to the bus. */
  #sent = 1n;
  #gap = false;
  #scheduled = false;
  #closed = false;
  #quiet = true;
  #heartbeats = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#heartbeat(), options.heartbeatMs).unref();
  }

  /** Events that wait for the bus. */
  get queuedEvents(): number {
    return this.#pending.length + this.#underWay;
  }

  /** Tells followers that the store runs, in which epoch and from which event on. Once, after its start. */
  announce(storeEpoch: bigint): void {
    this.#epoch = storeEpoch;
    this.#flush();
    this.#sent = this.#next;
    this.#sendBatch([]);
  }

  publish(batch: BlockEventBatch): void {
    if (this.#closed) return;
    this.#epoch = batch.storeEpoch;
    const room = this.#options.maxQueuedEvents - this.queuedEvents;
    const taken = batch.events.slice(0, Math.max(0, room));
    if (taken.length < batch.events.length) this.#lost(batch.events.length - taken.length, 'queue_full');
    this.#pending.push(...taken);
    this.#next = (batch.events.at(-1)?.sequence ?? this.#next - 1n) + 1n;
    if (this.#pending.length >= BATCH_EVENTS) this.#flush();
    else this.#flushSoon();
  }

  /** Gives the bus what is pending; closing the bus delivers it. */
  close(): void {
    this.#flush();
    this.#closed = true;
    clearInterval(this.#timer);
  }

  /** Events of one turn of the loop go out together. */
  #flushSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const events = this.#pending;
    this.#pending = [];
    let run: BlockEvent[] = [];
    let keys = 0;
    for (const event of events) {
      const last = run.at(-1);
      const keysOfEvent = event.kind === 'cleared' ? 0 : event.keys.length;
      const full = run.length >= BATCH_EVENTS || keys + keysOfEvent > BATCH_KEYS;
      if (last && (full || event.sequence !== last.sequence + 1n)) {
        this.#sendBatch(run);
        run = [];
        keys = 0;
      }
      run.push(event);
      keys += keysOfEvent;
    }
    if (run.length > 0) this.#sendBatch(run);
  }

  #heartbeat(): void {
    this.#flush();
    const due = this.#quiet && this.#heartbeats === 0 && this.#epoch !== 0n;
    this.#quiet = true;
    if (due) this.#sendBatch([]);
  }

  /** Events without a hole between them; none: a heartbeat at the number that comes next. */
  #sendBatch(events: readonly BlockEvent[]): void {
    const { bus, owner, observer } = this.#options;
    const firstSequence = events[0]?.sequence ?? this.#next;
    const gap = this.#gap || firstSequence > this.#sent;
    const flags = { snapshot: false, snapshotEnd: false, gap };
    const message = toEventBatch({ owner, storeEpoch: this.#epoch, firstSequence, events, ...flags });
    const value = kvstoreV1.EventBatch.encode(message).finish();
    this.#sent = firstSequence + BigInt(events.length);
    this.#gap = false;
    this.#quiet = false;
    this.#count(events.length, 1);
    bus.publish(EVENTS_TOPIC, { key: Buffer.from(owner), value }).then(
      () => {
        this.#count(events.length, -1);
        observer.published(events.length);
      },
      (error: unknown) => {
        this.#count(events.length, -1);
        this.#lost(events.length, dropReason(error));
      },
    );
  }

  #count(events: number, by: 1 | -1): void {
    this.#underWay += by * events;
    if (events === 0) this.#heartbeats += by;
  }

  #lost(events: number, reason: DropReason): void {
    if (events > 0) this.#options.observer.dropped(events, reason);
    if (!this.#gap) this.#options.log.warning('block-events-dropped', { events, reason });
    this.#gap = true;
  }
}

function dropReason(error: unknown): DropReason {
  const { reason } = AppError.from(error);
  if (reason === 'KAFKA_BUFFER_FULL') return 'buffer_full';
  return reason === 'KAFKA_DELIVERY_TIMEOUT' || reason === 'KAFKA_CLOSED' ? 'timeout' : 'refused';
}
