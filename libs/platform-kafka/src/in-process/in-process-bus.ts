import { steadyUnixMs } from '@longhaul/kernel';
import { busErrors } from '../bus-errors.js';
import { ConnectionTracker } from '../connection-tracker.js';
import type {
  BufferState,
  BusLog,
  ConnectionState,
  DeclareOptions,
  EventBus,
  EventRecord,
  EventSubscription,
  ReadRequest,
  Subscription,
  TopicDeclaration,
} from '../event-bus.js';
import { SendBuffer } from '../send-buffer.js';
import { checkDeclaration, declaredConfig, differences } from '../topic-settings.js';
import { ConsumerGroup } from './group.js';
import { PartitionLog } from './partition-log.js';

export interface InProcessBusOptions {
  readonly log: BusLog;
  readonly maxBufferedRecords?: number;
  readonly maxBufferedBytes?: number;
  readonly maxRecordBytes?: number;
  /** Records that each partition keeps for consumers that are behind. */
  readonly maxRecordsPerPartition?: number;
  readonly now?: () => number;
}

interface Topic {
  readonly declaration: TopicDeclaration;
  readonly logs: readonly PartitionLog[];
  readonly groups: Map<string, ConsumerGroup>;
}

/**
 * The event bus of a single process: same contract as Kafka, nothing outlives it. Records are taken over at once;
 * only while `suspend`ed are they buffered, which is how tests make a broker that is away.
 */
export class InProcessBus implements EventBus {
  readonly #options: InProcessBusOptions;
  readonly #topics = new Map<string, Topic>();
  readonly #outbox: SendBuffer;
  readonly #link: ConnectionTracker;
  readonly #now: () => number;
  #closed = false;

  constructor(options: InProcessBusOptions) {
    this.#options = options;
    this.#now = options.now ?? steadyUnixMs;
    const { maxBufferedRecords = 65_536, maxBufferedBytes = 64 << 20, maxRecordBytes = 900 << 10 } = options;
    this.#outbox = new SendBuffer(
      { maxRecords: maxBufferedRecords, maxBytes: maxBufferedBytes, maxRecordBytes },
      this.#now,
    );
    this.#link = new ConnectionTracker(options.log, this.#now);
    this.#link.up();
  }

  async declareTopics(topics: readonly TopicDeclaration[], options: DeclareOptions = {}): Promise<void> {
    this.#assertOpen();
    const found: string[] = [];
    for (const declaration of topics) {
      checkDeclaration(declaration);
      const known = this.#topics.get(declaration.name);
      if (known)
        found.push(...differences(declaration, { ...known.declaration, config: declaredConfig(known.declaration) }));
      else this.#topics.set(declaration.name, this.#makeTopic(declaration));
    }
    if (found.length === 0) return;
    if (options.onMismatch === 'warn') this.#options.log.warning('topic-mismatch', { differences: found.join('; ') });
    else throw busErrors.mismatch(found);
  }

  async publish(topic: string, record: EventRecord): Promise<void> {
    this.#assertOpen();
    this.#topic(topic);
    const delivered = this.#outbox.add(topic, record);
    if (this.#link.current().status === 'up') this.#drain();
    return delivered;
  }

  subscribe(subscription: Subscription): EventSubscription {
    this.#assertOpen();
    const topic = this.#topic(subscription.topic);
    const known = topic.groups.get(subscription.group);
    const group = known ?? new ConsumerGroup(topic.logs, subscription.from, this.#options.log);
    topic.groups.set(subscription.group, group);
    return group.join(subscription);
  }

  async readToEnd({ topic, partitions, signal, handler }: ReadRequest): Promise<void> {
    this.#assertOpen();
    const { logs } = this.#topic(topic);
    const ends = logs.map(({ end }) => end);
    for (const [partition, log] of logs.entries()) {
      if (partitions && !partitions.includes(partition)) continue;
      const end = ends[partition] ?? 0n;
      for (let event = log.at(0n); event && event.offset < end; event = log.at(event.offset + 1n)) {
        signal?.throwIfAborted();
        await handler(event);
      }
    }
  }

  /** From now on records wait in the buffer, as if no broker answered. */
  suspend(reason = 'suspended'): void {
    this.#link.down(reason);
  }

  /** Takes over what waited, and works again. */
  resume(): void {
    this.#link.up();
    this.#drain();
  }

  connection(): ConnectionState {
    return this.#link.current();
  }

  buffer(): BufferState {
    return this.#outbox.state();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#outbox.rejectAll(busErrors.closed());
    const groups = [...this.#topics.values()].flatMap((topic) => [...topic.groups.values()]);
    await Promise.all(groups.map((group) => group.stopAll()));
    this.#link.down('closed');
  }

  #assertOpen(): void {
    if (this.#closed) throw busErrors.closed();
  }

  #topic(name: string): Topic {
    const topic = this.#topics.get(name);
    if (!topic) throw busErrors.undeclared(name);
    return topic;
  }

  #makeTopic(declaration: TopicDeclaration): Topic {
    const limits = { maxRecords: this.#options.maxRecordsPerPartition ?? 65_536 };
    const logs = Array.from({ length: declaration.partitions }, (_, i) => new PartitionLog(declaration, i, limits));
    return { declaration, logs, groups: new Map() };
  }

  #drain(): void {
    for (const name of this.#outbox.topics()) {
      const { logs, groups } = this.#topic(name);
      const waiting = this.#outbox.peek(name, Infinity, Infinity);
      for (const { record } of waiting) {
        const partition = fnv1a(record.partitionKey ?? record.key) % logs.length;
        logs[partition]?.append(record, this.#now());
      }
      this.#outbox.settle(name, waiting.length);
      for (const group of groups.values()) group.wake();
    }
  }
}

function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
