import { pause, steadyUnixMs, unlessAborted } from '@longhaul/kernel';
import type { Admin, Kafka } from 'kafkajs';
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
import { checkDeclaration } from '../topic-settings.js';
import { backoffMs } from '../waiting.js';
import { makeClient, RETRY } from './client.js';
import { KafkaSubscription } from './consumer.js';
import { readToEnd } from './reader.js';
import { Sender } from './sender.js';
import { KAFKA_DEFAULTS, type KafkaLimits, type KafkaSettings } from './settings.js';
import { ensureTopics } from './topics.js';

const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 5_000;

/** A declared topic and, once it is there, its verdict. */
interface Declared {
  readonly open: Promise<void>;
  readonly markOpen: () => void;
  refused: Error | undefined;
}

/** The event bus on Apache Kafka. Works without a broker at hand: it keeps trying, and says so in `connection`. */
export class KafkaBus implements EventBus {
  readonly #settings: KafkaSettings;
  readonly #log: BusLog;
  readonly #limits: KafkaLimits;
  readonly #kafka: Kafka;
  readonly #link: ConnectionTracker;
  readonly #outbox: SendBuffer;
  readonly #sender: Sender;
  readonly #declared = new Map<string, Declared>();
  readonly #openTopics = new Set<string>();
  readonly #subscriptions = new Set<KafkaSubscription>();
  readonly #closing = new AbortController();
  readonly #probing: Promise<void>;
  #admin: Promise<Admin> | undefined;

  constructor(settings: KafkaSettings, log: BusLog) {
    this.#settings = settings;
    this.#log = log;
    this.#limits = { ...KAFKA_DEFAULTS, ...settings };
    this.#kafka = makeClient(settings, this.#limits, log);
    this.#link = new ConnectionTracker(log, steadyUnixMs);
    const { maxBufferedRecords: maxRecords, maxBufferedBytes: maxBytes, maxRecordBytes } = this.#limits;
    this.#outbox = new SendBuffer({ maxRecords, maxBytes, maxRecordBytes }, steadyUnixMs);
    const kafka = this.#kafka,
      buffer = this.#outbox,
      link = this.#link,
      limits = this.#limits,
      openTopics = this.#openTopics;
    this.#sender = new Sender({ kafka, buffer, link, limits, log, openTopics });
    this.#probing = this.#probe();
  }

  async declareTopics(topics: readonly TopicDeclaration[], options: DeclareOptions = {}): Promise<void> {
    this.#assertOpen();
    topics.forEach(checkDeclaration);
    for (const { name } of topics) if (!this.#declared.has(name)) this.#declared.set(name, newDeclared());
    const found = await this.#untilAnswered((admin) => ensureTopics(admin, topics), options.signal);
    if (found.length > 0 && options.onMismatch !== 'warn') {
      const refused = busErrors.mismatch(found);
      for (const { name } of topics) this.#refuse(name, refused);
      throw refused;
    }
    if (found.length > 0) this.#log.warning('topic-mismatch', { differences: found.join('; ') });
    for (const { name } of topics) {
      this.#openTopics.add(name);
      this.#declared.get(name)?.markOpen();
    }
    this.#sender.wake();
  }

  async publish(topic: string, record: EventRecord): Promise<void> {
    this.#assertDeclared(topic);
    const delivered = this.#outbox.add(topic, record);
    this.#sender.wake();
    return delivered;
  }

  subscribe(subscription: Subscription): EventSubscription {
    const { open } = this.#assertDeclared(subscription.topic);
    const kafka = this.#kafka,
      link = this.#link,
      limits = this.#limits,
      log = this.#log;
    const made = new KafkaSubscription(subscription, open, { kafka, link, limits, log });
    this.#subscriptions.add(made);
    return {
      ready: made.ready,
      state: () => made.state(),
      stop: async () => {
        await made.stop();
        this.#subscriptions.delete(made);
      },
    };
  }

  async readToEnd(request: ReadRequest): Promise<void> {
    const { open } = this.#assertDeclared(request.topic);
    const signal = AbortSignal.any([this.#closing.signal, ...(request.signal ? [request.signal] : [])]);
    await unlessAborted(signal, open);
    const admin = await this.#connectedAdmin();
    await readToEnd(this.#kafka, admin, { ...request, signal }, this.#settings.clientId);
  }

  connection(): ConnectionState {
    return this.#link.current();
  }

  buffer(): BufferState {
    return this.#outbox.state();
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(busErrors.closed());
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
    await this.#sender.close();
    await this.#probing;
    await this.#dropAdmin();
    this.#link.down('closed');
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw busErrors.closed();
  }

  #assertDeclared(topic: string): Declared {
    this.#assertOpen();
    const declared = this.#declared.get(topic);
    if (!declared) throw busErrors.undeclared(topic);
    if (declared.refused) throw declared.refused;
    return declared;
  }

  #refuse(topic: string, error: Error): void {
    const declared = this.#declared.get(topic);
    if (!declared || this.#openTopics.has(topic)) return;
    declared.refused = error;
    this.#outbox.settle(topic, Infinity, error);
  }

  /** Asks the cluster until it answers, the bus closes or the signal aborts. */
  async #untilAnswered<T>(ask: (admin: Admin) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const end = signal ? AbortSignal.any([this.#closing.signal, signal]) : this.#closing.signal;
    for (let attempt = 0; ; attempt += 1) {
      end.throwIfAborted();
      try {
        const answer = await ask(await this.#connectedAdmin());
        this.#link.up();
        return answer;
      } catch (error) {
        this.#link.down(error);
        this.#log.warning('cluster-not-answering', { attempt, reason: (error as Error).message });
        await this.#dropAdmin();
        await pause(backoffMs(attempt, FIRST_RETRY_MS, LAST_RETRY_MS), end);
      }
    }
  }

  /** Keeps `connection` true while nothing is sent. */
  async #probe(): Promise<void> {
    const { signal } = this.#closing;
    for (;;) {
      await pause(this.#limits.probeIntervalMs, signal);
      if (signal.aborted) return;
      if (this.#declared.size === 0) continue;
      await this.#untilAnswered((admin) => admin.fetchTopicMetadata({ topics: [...this.#openTopics] })).catch(
        () => undefined,
      );
    }
  }

  #connectedAdmin(): Promise<Admin> {
    this.#admin ??= this.#connectAdmin();
    return this.#admin;
  }

  async #connectAdmin(): Promise<Admin> {
    const admin = this.#kafka.admin({ retry: RETRY });
    try {
      await admin.connect();
      return admin;
    } catch (error) {
      this.#admin = undefined;
      await admin.disconnect().catch(() => undefined);
      throw error;
    }
  }

  async #dropAdmin(): Promise<void> {
    const dropped = this.#admin;
    this.#admin = undefined;
    const admin = await dropped?.catch(() => undefined);
    await admin?.disconnect().catch(() => undefined);
  }
}

function newDeclared(): Declared {
  let markOpen: () => void = () => undefined;
  const open = new Promise<void>((resolve) => {
    markOpen = resolve;
  });
  return { open, markOpen, refused: undefined };
}
