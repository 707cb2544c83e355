import type { EventRecord, ReceivedEvent, TopicDeclaration } from '../event-bus.js';

export interface PartitionLogLimits {
  /** Records that a partition keeps; older ones are dropped, as by retention. */
  readonly maxRecords: number;
}

/** The records of one partition, in memory. Offsets stay what they were when older records go. */
export class PartitionLog {
  readonly #topic: TopicDeclaration;
  readonly #partition: number;
  readonly #limits: PartitionLogLimits;
  #records: ReceivedEvent[] = [];
  #next = 0n;
  /** Compaction is due when so many are kept. */
  #compactAt = 1024;

  constructor(topic: TopicDeclaration, partition: number, limits: PartitionLogLimits) {
    this.#topic = topic;
    this.#partition = partition;
    this.#limits = limits;
  }

  /** Offset that the next record will have. */
  get end(): bigint {
    return this.#next;
  }

  append(record: EventRecord, timestampMs: number): void {
    const { key, value, headers = {} } = record;
    this.#records.push({
      topic: this.#topic.name,
      partition: this.#partition,
      offset: this.#next,
      timestampMs,
      key: key.slice(),
      value: value?.slice() ?? null,
      headers: Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, bytes.slice()])),
    });
    this.#next += 1n;
    this.#trim(timestampMs);
  }

  /** The first record that is kept at or after an offset. */
  at(offset: bigint): ReceivedEvent | undefined {
    let low = 0;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#records[middle]?.offset ?? 0n) < offset) low = middle + 1;
      else high = middle;
    }
    return this.#records[low];
  }

  #trim(nowMs: number): void {
    const { cleanup, retentionMs } = this.#topic;
    if (cleanup !== 'delete' && this.#records.length >= this.#compactAt) this.#compact();
    if (cleanup !== 'compact' && retentionMs !== null) {
      const kept = this.#records.findIndex(({ timestampMs }) => timestampMs >= nowMs - retentionMs);
      if (kept > 0) this.#records.splice(0, kept);
    }
    // A compacted partition may hold more: every key's last record is what it is for.
    if (cleanup !== 'compact' && this.#records.length > this.#limits.maxRecords) {
      this.#records.splice(0, Math.max(1, this.#limits.maxRecords >>> 4));
    }
  }

  #compact(): void {
    const last = new Map(this.#records.map((record) => [Buffer.from(record.key).toString('latin1'), record]));
    this.#records = [...last.values()]
      .filter(({ value }) => value !== null)
      .sort((a, b) => (a.offset < b.offset ? -1 : 1));
    this.#compactAt = Math.max(1024, this.#records.length * 2);
  }
}
