import type { FollowerObserver } from '@longhaul/kv-events';
import type { EventBus } from '@longhaul/platform-kafka';
import { count, observe } from '@longhaul/platform-otel';
import type { BlockEvents, EventBound } from './block-events.js';
import type { DropReason, EventObserver } from './event-observer.js';

const DROP_REASONS: readonly DropReason[] = ['queue_full', 'buffer_full', 'timeout', 'refused'];

/** What publishing and following report, as metrics. */
export function meteredEvents(): EventObserver & FollowerObserver {
  count('kvEventsPublished', 0);
  count('kvEventGaps', 0);
  for (const reason of DROP_REASONS) count('kvEventsDropped', 0, { reason });
  return {
    published: (events) => count('kvEventsPublished', events),
    dropped: (events, reason) => count('kvEventsDropped', events, { reason }),
    resync: (reason) => {
      if (reason === 'gap') count('kvEventGaps', 1);
    },
  };
}

/** Reads the gauges until the returned function is called. */
export function observeEvents(bus: EventBus, events: BlockEvents): () => void {
  const buffer = () => {
    const { bytes, limitBytes } = bus.buffer();
    return { used: bytes, limit: limitBytes };
  };
  const stops = [
    observe('kafkaUp', () => (bus.connection().status === 'up' ? 1 : 0)),
    observe('kvEventsQueued', () => events.queuedEvents()),
    ...observeBound('event_queue', () => events.bounds().event_queue),
    ...observeBound('event_snapshot_blocks', () => events.bounds().event_snapshot_blocks),
    ...observeBound('kafka_buffer_bytes', buffer),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function observeBound(bound: string, read: () => EventBound): (() => void)[] {
  const attributes = { bound, tier: '', tenant: '' };
  return [
    observe('kvBoundUsed', () => read().used, attributes),
    observe('kvBoundLimit', () => read().limit, attributes),
  ];
}
