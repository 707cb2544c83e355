import { busErrors } from './bus-errors.js';
import type { BufferState, EventRecord } from './event-bus.js';

/** Bytes that a record costs beside its key, value and headers, on the wire and in memory. */
const RECORD_OVERHEAD = 64;

export interface BufferLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
  readonly maxRecordBytes: number;
}

export interface PendingRecord {
  readonly topic: string;
  readonly record: EventRecord;
  readonly bytes: number;
  readonly sinceMs: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Records on their way to a broker: bounded, first in first out per topic. */
export class SendBuffer {
  readonly #limits: BufferLimits;
  readonly #now: () => number;
  readonly #lanes = new Map<string, PendingRecord[]>();
  #records = 0;
  #bytes = 0;

  constructor(limits: BufferLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /**
   * Takes a record in; the promise settles with its delivery.
   *
   * @throws `KAFKA_RECORD_TOO_LARGE`, `KAFKA_BUFFER_FULL`. Nothing is taken then.
   */
  add(topic: string, record: EventRecord): Promise<void> {
    const bytes = recordBytes(record);
    const { maxRecordBytes, maxRecords, maxBytes } = this.#limits;
    if (bytes > maxRecordBytes) throw busErrors.recordTooLarge(bytes, maxRecordBytes);
    if (this.#records >= maxRecords || this.#bytes + bytes > maxBytes) throw busErrors.bufferFull(this.state());
    this.#records += 1;
    this.#bytes += bytes;
    return new Promise((resolve, reject) => {
      const pending = { topic, record, bytes, sinceMs: this.#now(), resolve, reject };
      const lane = this.#lanes.get(topic);
      if (lane) lane.push(pending);
      else this.#lanes.set(topic, [pending]);
    });
  }

  topics(): string[] {
    return [...this.#lanes.keys()];
  }

  /** The oldest records of a topic, as many as fit; they stay in the buffer until settled. */
  peek(topic: string, maxRecords: number, maxBytes: number): PendingRecord[] {
    const batch: PendingRecord[] = [];
    let bytes = 0;
    for (const pending of this.#lanes.get(topic) ?? []) {
      bytes += pending.bytes;
      if (batch.length >= maxRecords || (batch.length > 0 && bytes > maxBytes)) break;
      batch.push(pending);
    }
    return batch;
  }

  /** The oldest `count` records of a topic are through, or given up with `error`. */
  settle(topic: string, count: number, error?: unknown): void {
    const lane = this.#lanes.get(topic) ?? [];
    const settled = lane.splice(0, count);
    if (lane.length === 0) this.#lanes.delete(topic);
    for (const { bytes, resolve, reject } of settled) {
      this.#records -= 1;
      this.#bytes -= bytes;
      if (error === undefined) resolve();
      else reject(error);
    }
  }

  /** How many of a topic's oldest records wait since `untilMs` or longer. */
  countOlder(topic: string, untilMs: number): number {
    const lane = this.#lanes.get(topic) ?? [];
    const firstYounger = lane.findIndex(({ sinceMs }) => sinceMs > untilMs);
    return firstYounger < 0 ? lane.length : firstYounger;
  }

  rejectAll(error: unknown): void {
    for (const [topic, lane] of [...this.#lanes]) this.settle(topic, lane.length, error);
  }

  state(): BufferState {
    const oldest = Math.min(...[...this.#lanes.values()].map((lane) => lane[0]?.sinceMs ?? Infinity));
    return {
      records: this.#records,
      bytes: this.#bytes,
      limitRecords: this.#limits.maxRecords,
      limitBytes: this.#limits.maxBytes,
      oldestMs: this.#records === 0 ? 0 : Math.max(0, this.#now() - oldest),
    };
  }
}

function recordBytes({ key, value, headers }: EventRecord): number {
  const entries = Object.entries(headers ?? {});
  const headerBytes = entries.reduce((sum, [name, bytes]) => sum + name.length + bytes.byteLength, 0);
  return RECORD_OVERHEAD + key.byteLength + (value?.byteLength ?? 0) + headerBytes;
}
