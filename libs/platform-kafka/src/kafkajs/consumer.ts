import { pause } from '@longhaul/kernel';
import type { Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import type { ConnectionTracker } from '../connection-tracker.js';
import type { BusLog, EventSubscription, Subscription, SubscriptionState } from '../event-bus.js';
import { backoffMs, Bell } from '../waiting.js';
import { RETRY } from './client.js';
import { toEvent } from './messages.js';
import { Pulse } from './pulse.js';
import type { KafkaLimits } from './settings.js';

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
const COMMIT_INTERVAL_MS = 500;
const CONCURRENT_PARTITIONS = 4;
/** Longer waits make leaving a group slow. */
export const MAX_WAIT_MS = 200;
const FETCH_BYTES_PER_PARTITION = 1 << 20;

export interface ConsumerParts {
  readonly kafka: Kafka;
  readonly link: ConnectionTracker;
  readonly limits: KafkaLimits;
  readonly log: BusLog;
}

/** A member of a consumer group that comes back by itself, whatever happens to the brokers. */
export class KafkaSubscription implements EventSubscription {
  readonly #subscription: Subscription;
  readonly #topicOpen: Promise<void>;
  readonly #parts: ConsumerParts;
  readonly ready: Promise<void>;
  readonly #stopping = new AbortController();
  readonly #wake = new Bell();
  readonly #loop: Promise<void>;
  #markReady: () => void = () => undefined;
  #assigned: Promise<void> = Promise.resolve();
  #partitions: readonly number[] = [];
  readonly #lag = new Map<number, bigint>();
  #failing: SubscriptionState['failing'] = null;

  constructor(subscription: Subscription, topicOpen: Promise<void>, parts: ConsumerParts) {
    this.#subscription = subscription;
    this.#topicOpen = topicOpen;
    this.#parts = parts;
    this.ready = new Promise((resolve) => {
      this.#markReady = resolve;
    });
    this.#loop = this.#run();
  }

  state(): SubscriptionState {
    const lags = this.#partitions.map((partition) => this.#lag.get(partition) ?? 0n);
    const lagRecords = Number(lags.reduce((sum, lag) => sum + lag, 0n));
    return { partitions: this.#partitions, lagRecords, failing: this.#failing };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.ring();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { group, topic } = this.#subscription;
    await Promise.race([this.#topicOpen, this.#wake.next()]);
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.#consumeUntilStopped(() => {
          failures = 0;
        });
      } catch (error) {
        this.#parts.link.down(error);
        this.#parts.log.warning('consumer-lost', { group, topic, reason: (error as Error).message });
        await pause(backoffMs(failures, FIRST_RETRY_MS, LAST_RETRY_MS), signal);
        failures += 1;
      }
    }
  }

  /** Resolves once told to stop, rejects when the client gives up. */
  async #consumeUntilStopped(joined: () => void): Promise<void> {
    const subscription = this.#subscription,
      stopping = this.#stopping;
    const consumer = this.#makeConsumer();
    const crashed = new Promise<never>((_, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    });
    crashed.catch(() => undefined);
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      joined();
      this.#assign(payload.memberAssignment[subscription.topic] ?? []);
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topic: subscription.topic, fromBeginning: subscription.from === 'earliest' });
      const running = consumer.run({
        autoCommit: true,
        autoCommitInterval: COMMIT_INTERVAL_MS,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: CONCURRENT_PARTITIONS,
        eachBatch: (payload) => this.#handleBatch(payload),
      });
      await Promise.race([running, crashed]);
      if (!stopping.signal.aborted) await Promise.race([this.#wake.next(), crashed]);
    } finally {
      this.#partitions = [];
      await consumer.disconnect().catch(() => undefined);
    }
  }

  #makeConsumer(): Consumer {
    const { kafka, limits } = this.#parts;
    return kafka.consumer({
      groupId: this.#subscription.group,
      sessionTimeout: limits.sessionTimeoutMs,
      heartbeatInterval: limits.heartbeatIntervalMs,
      maxWaitTimeInMs: MAX_WAIT_MS,
      maxBytesPerPartition: FETCH_BYTES_PER_PARTITION,
      allowAutoTopicCreation: false,
      // Starting again is done here, in one place, with a new client.
      retry: { ...RETRY, restartOnFailure: () => Promise.resolve(false) },
    });
  }

  #assign(partitions: readonly number[]): void {
    this.#parts.link.up();
    this.#partitions = [...partitions].sort((a, b) => a - b);
    this.#lag.clear();
    this.#failing = null;
    this.#assigned = this.#tellAssignment(this.#partitions);
    this.#markReady();
  }

  async #tellAssignment(partitions: readonly number[]): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted && this.#partitions === partitions; attempt += 1) {
      try {
        await this.#subscription.onAssignment?.(partitions, signal);
        return;
      } catch (error) {
        this.#parts.log.failure('assignment-failed', error, { group: this.#subscription.group, attempt });
        await pause(backoffMs(attempt, FIRST_RETRY_MS, LAST_RETRY_MS), signal);
      }
    }
  }

  /** Leaves early, with the rest of the batch unresolved, when this member stops or loses the partition. */
  async #handleBatch(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const pulse = new Pulse(() => payload.heartbeat(), this.#parts.limits.heartbeatIntervalMs);
    const given = () => payload.isRunning() && !payload.isStale() && !this.#stopping.signal.aborted && pulse.healthy;
    try {
      await Promise.race([this.#assigned, pulse.lost]);
      for (const message of batch.messages) {
        if (!(await this.#handleUntilDone(payload, message, given))) break;
        this.#lag.set(batch.partition, BigInt(batch.highWatermark) - BigInt(message.offset) - 1n);
        payload.resolveOffset(message.offset);
        await payload.commitOffsetsIfNecessary();
      }
    } finally {
      pulse.stop();
    }
    pulse.rethrow();
  }

  async #handleUntilDone({ batch }: EachBatchPayload, message: KafkaMessage, given: () => boolean): Promise<boolean> {
    const { signal } = this.#stopping;
    const event = toEvent(batch.topic, batch.partition, message);
    const { topic, partition, offset } = event;
    for (let attempts = 0; given(); attempts += 1) {
      try {
        await this.#subscription.handler(event, signal);
        if (this.#failing?.partition === partition) this.#failing = null;
        return true;
      } catch (error) {
        this.#failing = { partition, offset, attempts: attempts + 1 };
        this.#parts.log.failure('event-handler-failed', error, { topic, partition, offset: String(offset), attempts });
        await pause(backoffMs(attempts, FIRST_RETRY_MS, LAST_RETRY_MS), signal);
      }
    }
    return false;
  }
}
