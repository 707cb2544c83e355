import { AppError, withinDeadline } from '@longhaul/kernel';
import type { HealthModel } from '@longhaul/platform-health';
import { KafkaBus } from '@longhaul/platform-kafka';
import type { EventLog } from '@longhaul/platform-otel';
import {
  kafkaSettings,
  meteredEvents,
  observeEvents,
  startBlockEvents,
  type EventConfig,
} from './adapters/events/index.js';
import type { EventSink } from './core/ports.js';

/** The block events of this store on their way to Kafka. */
export interface OpenBlockEvents {
  /** For the store's core. */
  readonly sink: EventSink;
  /** Once, after the core has started: followers learn of the new epoch at once. */
  announce(storeEpoch: bigint): void;
  /** After the core: sends what is left within a bounded time. What was not sent followers make good by a snapshot. */
  close(): Promise<void>;
}

export interface BlockEventParts {
  readonly log: EventLog;
  /** Whose events these are: the same name at every start. */
  readonly owner: string;
  /** Gets a check `kafka` for information: the store serves without a broker. */
  readonly health: HealthModel;
}

/** Client and broker have so long for an orderly end; then the process goes on with its own. */
const CLOSE_MS = 10_000;

/**
 * Starts publishing, if brokers are configured. Returns at once: brokers may come later, go and come back.
 *
 * @throws AppError `CONFIG_INVALID`, `TLS_FILE_UNREADABLE`.
 */
export function openBlockEvents(
  config: EventConfig & { readonly allowInsecure: boolean },
  { log, owner, health }: BlockEventParts,
): OpenBlockEvents | null {
  const settings = kafkaSettings(config, config.allowInsecure);
  if (!settings) return null;
  const bus = new KafkaBus(settings, log);
  const { eventPartitions: partitions, eventReplication: replication, eventRetentionMs: retentionMs } = config;
  const events = startBlockEvents({
    bus,
    owner,
    observer: meteredEvents(),
    log,
    topics: { partitions, replication, retentionMs },
    snapshotTopic: config.eventSnapshotTopic,
    maxQueuedEvents: config.eventQueue,
    heartbeatMs: config.eventHeartbeatMs,
  });
  health.observe({ name: 'kafka', weight: 'information', dependency: true }, () => {
    const { status, reason } = bus.connection();
    return { up: status === 'up', reason };
  });
  const stopGauges = observeEvents(bus, events);
  const end = async () => {
    await events.close();
    await bus.close();
  };
  return {
    sink: events,
    announce: (storeEpoch) => events.announce(storeEpoch),
    async close() {
      const closed = withinDeadline({ timeoutMs: CLOSE_MS, late: closeTimeout }, end);
      await closed.catch((error: unknown) => log.failure('block-events-not-closed', error));
      stopGauges();
    },
  };
}

function closeTimeout(): AppError {
  return new AppError({
    code: 'DEADLINE_EXCEEDED',
    reason: 'KAFKA_CLOSE_TIMEOUT',
    message: `Not closed in ${CLOSE_MS} ms.`,
  });
}
