/**
 * The port through which services exchange events: topics of records with keys, in partitions, consumed by groups. Two
 * adapters keep the same contract: Kafka, and a bus inside the process for the embedded server and for unit tests.
 */
export interface EventBus {
  /**
   * Creates the topics that are missing and compares the others with their declaration. Only declared topics can be
   * published to, subscribed or read. While no broker answers it keeps trying; publishing is buffered meanwhile.
   *
   * @throws `KAFKA_TOPIC_MISMATCH` naming every difference when a topic exists with other settings (unless `onMismatch`
   * is `warn`); `KAFKA_CLOSED`; the reason of `signal`.
   */
  declareTopics(topics: readonly TopicDeclaration[], options?: DeclareOptions): Promise<void>;
  /**
   * Takes a record into the send buffer at once and resolves when the broker has it (all in-sync replicas). Records of
   * one topic and partition key keep the order of these calls. At least once: a record may be written twice when a
   * broker dies between writing and answering.
   *
   * @throws `KAFKA_BUFFER_FULL` at once when the buffer is at its bound; `KAFKA_DELIVERY_TIMEOUT` when no broker took
   * the record in time; `KAFKA_RECORD_TOO_LARGE`, `KAFKA_TOPIC_UNDECLARED`, `KAFKA_REJECTED`, `KAFKA_CLOSED`.
   */
  publish(topic: string, record: EventRecord): Promise<void>;
  /** Starts to consume. Comes back at once; `ready` of the subscription tells when the group was joined. */
  subscribe(subscription: Subscription): EventSubscription;
  /**
   * Hands over what a topic holds now, each partition from its oldest record to the end that it had when the read
   * began. Of a compacted topic that is the last record of every key, and perhaps earlier ones before it.
   */
  readToEnd(request: ReadRequest): Promise<void>;
  connection(): ConnectionState;
  buffer(): BufferState;
  /** Sends what is buffered within the close timeout, rejects the rest with `KAFKA_CLOSED`, stops all subscriptions. */
  close(): Promise<void>;
}

export interface TopicDeclaration {
  readonly name: string;
  readonly partitions: number;
  /** Copies of each partition; at most the number of brokers. */
  readonly replication: number;
  /** `delete` drops records by age, `compact` keeps the last record of each key, `compact,delete` does both. */
  readonly cleanup: 'delete' | 'compact' | 'compact,delete';
  /** Age at which `delete` drops records, milliseconds; null: never. */
  readonly retentionMs: number | null;
  /** More topic settings of Kafka by name, declared and verified like the rest. */
  readonly config?: Readonly<Record<string, string>>;
}

export interface DeclareOptions {
  /** What a topic with other settings than declared is: an error (default) or a warning in the log. */
  readonly onMismatch?: 'fail' | 'warn';
  readonly signal?: AbortSignal;
}

export interface EventRecord {
  /** Compaction keeps the last record of a key. */
  readonly key: Uint8Array;
  /** Null removes the key from a compacted topic. */
  readonly value: Uint8Array | null;
  readonly headers?: Readonly<Record<string, Uint8Array>>;
  /** Records with equal partition keys share a partition, in every topic with as many partitions. Default: `key`. */
  readonly partitionKey?: Uint8Array;
}

export interface ReceivedEvent {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, Uint8Array>>;
}

export interface Subscription {
  /** Members of a group share the partitions; every group gets every record. */
  readonly group: string;
  readonly topic: string;
  /** Where a group starts that has not handled anything yet. */
  readonly from: 'earliest' | 'latest';
  /**
   * Handles one record; the next of its partition waits for it, which is the back-pressure. The record counts as
   * handled when it resolves. When it rejects, the same record comes again after a pause, for as long as it takes: at
   * least once, in order. `signal` aborts when the subscription stops.
   */
  handler(event: ReceivedEvent, signal: AbortSignal): Promise<void>;
  /**
   * Told which partitions this member has, after every change. No record is handed over before it resolves; when it
   * rejects it is called again after a pause.
   */
  onAssignment?(partitions: readonly number[], signal: AbortSignal): Promise<void> | void;
}

export interface EventSubscription {
  /** Resolves once the group has given this member its (perhaps empty) share for the first time. */
  readonly ready: Promise<void>;
  state(): SubscriptionState;
  /** Finishes the records being handled, commits, leaves the group. */
  stop(): Promise<void>;
}

export interface SubscriptionState {
  readonly partitions: readonly number[];
  /** Records that the topic had more than were handled, as of the last fetch, over this member's partitions. */
  readonly lagRecords: number;
  /** The record that the handler fails on, if any. */
  readonly failing: { readonly partition: number; readonly offset: bigint; readonly attempts: number } | null;
}

export interface ReadRequest {
  readonly topic: string;
  /** Default: all. */
  readonly partitions?: readonly number[];
  readonly signal?: AbortSignal;
  /** Sequential within a partition. A rejection ends the read with that error. */
  handler(event: ReceivedEvent): Promise<void> | void;
}

export interface ConnectionState {
  readonly status: 'up' | 'down';
  /** Unix milliseconds of the last change. */
  readonly sinceMs: number;
  /** Why it is down; empty while up. */
  readonly reason: string;
}

/** Records accepted by `publish` and not yet taken by a broker. */
export interface BufferState {
  readonly records: number;
  readonly bytes: number;
  readonly limitRecords: number;
  readonly limitBytes: number;
  /** Age of the oldest, milliseconds; 0 when empty. */
  readonly oldestMs: number;
}

/** Where the bus reports what it does; the event log of `@longhaul/platform-otel` fits. */
export interface BusLog {
  info(event: string, fields?: BusLogFields): void;
  warning(event: string, fields?: BusLogFields): void;
  failure(event: string, cause: unknown, fields?: BusLogFields): void;
}
export type BusLogFields = Readonly<Record<string, string | number | boolean | undefined>>;
