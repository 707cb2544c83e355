import type { EventBus } from '@longhaul/platform-kafka';
import { count, observe } from '@longhaul/platform-otel';
import type { DropReason, EventObserver } from './event-observer.js';

const DROP_REASONS: readonly DropReason[] = ['queue_full', 'buffer_full', 'timeout', 'refused'];

/** What publishing and following report, as metrics. */
export function meteredEvents(): EventObserver {
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
export function observeEvents(bus: EventBus, queuedEvents: () => number): () => void {
  const stops = [
    observe('kafkaUp', () => (bus.connection().status === 'up' ? 1 : 0)),
    observe('kvEventsQueued', queuedEvents),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
