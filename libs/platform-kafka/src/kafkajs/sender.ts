import { pause, steadyUnixMs } from '@longhaul/kernel';
import { CompressionTypes, type Kafka, type Producer } from 'kafkajs';
import { busErrors } from '../bus-errors.js';
import type { ConnectionTracker } from '../connection-tracker.js';
import type { BusLog } from '../event-bus.js';
import type { PendingRecord, SendBuffer } from '../send-buffer.js';
import { backoffMs, Bell } from '../waiting.js';
import { RETRY } from './client.js';
import { placedPartitioner, toMessage } from './messages.js';
import type { KafkaLimits } from './settings.js';

/** The client's grouping of a batch by partition costs the square of it; this is where larger gains nothing. */
const BATCH_RECORDS = 500;
const BATCH_BYTES = 512 << 10;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2_000;
/** Answers that asking again does not change. */
const FINAL_ANSWERS = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TOPIC_EXCEPTION',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'POLICY_VIOLATION',
]);

export interface SenderParts {
  readonly kafka: Kafka;
  readonly buffer: SendBuffer;
  readonly link: ConnectionTracker;
  readonly limits: KafkaLimits;
  readonly log: BusLog;
  /** Topics that are there and may be sent to. */
  readonly openTopics: ReadonlySet<string>;
}

/**
 * Empties the send buffer into the cluster: one batch of one topic at a time, so that order holds and an idempotent
 * producer never sees a hole. A batch that fails is sent again as it was until its records are too old.
 */
export class Sender {
  readonly #parts: SenderParts;
  readonly #bell = new Bell();
  readonly #ended = new AbortController();
  readonly #loop: Promise<void>;
  #producer: Producer | undefined;
  #closing = false;
  #last = '';

  constructor(parts: SenderParts) {
    this.#parts = parts;
    this.#loop = this.#run();
  }

  wake(): void {
    this.#bell.ring();
  }

  /** Lets the buffer drain within the time limit, then rejects what is left. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#bell.ring();
    const limit = setTimeout(() => {
      this.#ended.abort();
      this.#bell.ring();
    }, this.#parts.limits.closeTimeoutMs);
    await this.#loop;
    clearTimeout(limit);
    this.#parts.buffer.rejectAll(busErrors.closed());
    await this.#dropProducer();
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#ended.signal.aborted) {
      const topic = this.#nextTopic();
      if (topic === undefined) {
        if (this.#closing) return;
        await this.#bell.next();
      } else if (await this.#sendFrom(topic)) failures = 0;
      else {
        failures += 1;
        await pause(backoffMs(failures - 1, FIRST_RETRY_MS, LAST_RETRY_MS), this.#ended.signal);
      }
    }
  }

  /** Topics take turns. */
  #nextTopic(): string | undefined {
    const ready = this.#parts.buffer.topics().filter((topic) => this.#parts.openTopics.has(topic));
    const turn = ready.find((topic) => topic > this.#last) ?? ready[0];
    if (turn !== undefined) this.#last = turn;
    return turn;
  }

  async #sendFrom(topic: string): Promise<boolean> {
    const { buffer, link } = this.#parts;
    const batch = buffer.peek(topic, BATCH_RECORDS, BATCH_BYTES);
    try {
      await this.#send(topic, batch);
      link.up();
      buffer.settle(topic, batch.length);
      return true;
    } catch (error) {
      await this.#failed(topic, batch, error);
      return false;
    }
  }

  async #send(topic: string, batch: readonly PendingRecord[]): Promise<void> {
    this.#producer ??= await this.#connectedProducer();
    const compression = this.#parts.limits.compression === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None;
    await this.#producer.send({ topic, messages: batch.map(({ record }) => toMessage(record)), compression });
  }

  async #connectedProducer(): Promise<Producer> {
    const producer = this.#parts.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: placedPartitioner,
      retry: RETRY,
    });
    try {
      await producer.connect();
      return producer;
    } catch (error) {
      await producer.disconnect().catch(() => undefined);
      throw error;
    }
  }

  async #failed(topic: string, batch: readonly PendingRecord[], error: unknown): Promise<void> {
    const { buffer, limits, link, log } = this.#parts;
    const answer = brokerAnswer(error);
    if (answer !== undefined && FINAL_ANSWERS.has(answer)) {
      log.failure('records-rejected', error, { topic, records: batch.length, answer });
      buffer.settle(topic, batch.length, busErrors.rejected(topic, error));
      // The broker never counted them: a fresh producer id leaves no hole in the sequence.
      await this.#dropProducer();
      return;
    }
    if (answer === undefined) link.down(error);
    log.warning('send-failed', { topic, records: batch.length, reason: (error as Error).message });
    const late = buffer.countOlder(topic, steadyUnixMs() - limits.deliveryTimeoutMs);
    if (late > 0) {
      log.failure('records-given-up', error, { topic, records: late });
      buffer.settle(topic, late, busErrors.deliveryTimeout(limits.deliveryTimeoutMs, error));
    }
    // The same batch again is recognised by its sequence numbers; another one needs a producer that starts anew, and
    // so does a producer whose id the cluster no longer takes.
    if (late > 0 || answer !== undefined || isFinal(error)) await this.#dropProducer();
  }

  async #dropProducer(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await producer?.disconnect().catch(() => undefined);
  }
}

/** The name of the error code that a broker answered with, if one answered. */
function brokerAnswer(error: unknown): string | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ('type' in at && typeof at.type === 'string') return at.type;
  }
  return undefined;
}

function isFinal(error: unknown): boolean {
  return error instanceof Error && error.name === 'KafkaJSNonRetriableError';
}
