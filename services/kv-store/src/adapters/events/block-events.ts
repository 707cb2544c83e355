import type { BlockEventBatch } from '@longhaul/kv-core';
import { EVENT_TOPIC_DEFAULTS, eventTopics, type EventTopicSettings, SNAPSHOT_TOPIC } from '@longhaul/kv-events';
import type { BusLog, EventBus } from '@longhaul/platform-kafka';
import type { EventSink } from '../../core/ports.js';
import { BlockEventPublisher } from './block-event-publisher.js';
import type { EventObserver } from './event-observer.js';
import { SnapshotWriter } from './snapshot-writer.js';

export interface BlockEventsOptions {
  readonly bus: EventBus;
  readonly owner: string;
  readonly observer: EventObserver;
  readonly log: BusLog;
  readonly topics?: EventTopicSettings;
  /** False: only the events topic is written, and followers get snapshots from the store itself. */
  readonly snapshotTopic?: boolean;
  readonly maxQueuedEvents?: number;
  readonly maxOutdatedBlocks?: number;
  readonly heartbeatMs?: number;
}

const MAX_QUEUED_EVENTS = 65_536;
const MAX_OUTDATED_BLOCKS = 262_144;
/** Followers that hear nothing for several of these may take the store for gone. */
const HEARTBEAT_MS = 2_000;
const SETTLE_MS = 50;
const RETRY_MS = 1_000;

export interface EventBound {
  readonly used: number;
  readonly limit: number;
}

/** Everything that a store tells the bus. Give it to the store core as its `sink`. */
export interface BlockEvents extends EventSink {
  /** Once, after the store has started: followers learn of the new epoch at once. */
  announce(storeEpoch: bigint): void;
  queuedEvents(): number;
  /** What waits and how much may wait: events for the bus, blocks whose record in the snapshot topic is outdated. */
  bounds(): Readonly<Record<'event_queue' | 'event_snapshot_blocks', EventBound>>;
  /** Before the bus is closed. */
  close(): Promise<void>;
}

/**
 * Declares the topics in the background and publishes from the first event on: the store serves whether the bus is
 * there or not. A topic with other settings than declared is a warning by `log`, and is used as it is.
 */
export function startBlockEvents(options: BlockEventsOptions): BlockEvents {
  const { bus, owner, observer, log } = options;
  declareTopics(options);
  const maxQueuedEvents = options.maxQueuedEvents ?? MAX_QUEUED_EVENTS;
  const publisher = new BlockEventPublisher({
    bus,
    owner,
    maxQueuedEvents,
    heartbeatMs: options.heartbeatMs ?? HEARTBEAT_MS,
    observer,
    log,
  });
  const maxOutdated = options.maxOutdatedBlocks ?? MAX_OUTDATED_BLOCKS;
  const writer =
    options.snapshotTopic === false
      ? undefined
      : new SnapshotWriter({ bus, owner, maxOutdated, settleMs: SETTLE_MS, retryMs: RETRY_MS, log });
  return {
    publish: (batch: BlockEventBatch) => {
      publisher.publish(batch);
      writer?.publish(batch);
    },
    announce: (storeEpoch) => {
      publisher.announce(storeEpoch);
      writer?.announce(storeEpoch);
    },
    queuedEvents: () => publisher.queuedEvents,
    bounds: () => ({
      event_queue: { used: publisher.queuedEvents, limit: maxQueuedEvents },
      event_snapshot_blocks: { used: writer?.outdatedBlocks ?? 0, limit: maxOutdated },
    }),
    close: async () => {
      publisher.close();
      await writer?.close();
    },
  };
}

function declareTopics({ bus, log, topics, snapshotTopic }: BlockEventsOptions): void {
  const all = eventTopics(topics ?? EVENT_TOPIC_DEFAULTS);
  const written = all.filter(({ name }) => snapshotTopic !== false || name !== SNAPSHOT_TOPIC);
  const declared = bus.declareTopics(written, { onMismatch: 'warn' });
  declared.catch((error: unknown) => log.failure('topics-not-declared', error));
}
