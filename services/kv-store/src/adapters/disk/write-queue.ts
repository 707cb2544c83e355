import { AppError } from '@longhaul/kernel';
import { type DiskLog, type RecordWrite } from './disk-log.js';
import { type DiskClock, type DiskSettings } from './options.js';
import { isTombstone, recordBytes } from './record-format.js';

/**
 * Group commit: writes wait up to `syncIntervalMs` or until `syncBytes` are together, then go to the log with one
 * sync. While one group is written the next gathers. In order of arrival.
 */
export class WriteQueue {
  readonly #log: DiskLog;
  readonly #settings: DiskSettings;
  readonly #clock: DiskClock;
  readonly #onFailure: (error: AppError) => void;
  #waiting: { write: RecordWrite; since: number }[] = [];
  #bytes = 0;
  #pump: Promise<void> | null = null;
  #wake: () => void = () => undefined;
  #hurry = false;

  constructor(log: DiskLog, settings: DiskSettings, tools: { clock: DiskClock; onFailure: (error: AppError) => void }) {
    this.#log = log;
    this.#settings = settings;
    this.#clock = tools.clock;
    this.#onFailure = tools.onFailure;
  }

  /** Writes that wait; those under way are not counted. */
  get length(): number {
    return this.#waiting.length;
  }

  push(write: RecordWrite): void {
    this.#waiting.push({ write, since: this.#clock.monotonicMs() });
    this.#bytes += recordBytes(write.payload.length);
    if (this.#bytes >= this.#settings.syncBytes) this.#wake();
    this.#pump ??= this.#run();
  }

  /** Resolves when everything pushed before has been settled. */
  async flush(): Promise<void> {
    this.#hurry = true;
    this.#wake();
    while (this.#pump !== null) await this.#pump;
    this.#hurry = false;
  }

  /** Runs `work` between two groups, when nothing is being appended. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    while (this.#pump !== null) {
      this.#hurry = true;
      this.#wake();
      await this.#pump;
    }
    this.#hurry = false;
    const job = work();
    this.#pump = job.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await job;
    } finally {
      this.#pump = this.#waiting.length > 0 ? this.#run() : null;
    }
  }

  async #run(): Promise<void> {
    // The first push of a group must have returned before the group is taken.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      await this.#gather();
      await this.#commit(this.#take());
    }
    this.#pump = null;
  }

  #gather(): Promise<void> {
    const waited = this.#clock.monotonicMs() - (this.#waiting[0]?.since ?? 0);
    const rest = this.#settings.syncIntervalMs - waited;
    if (this.#hurry || rest <= 0 || this.#bytes >= this.#settings.syncBytes) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#clock.after(rest, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  #take(): RecordWrite[] {
    this.#wake = () => undefined;
    let count = 0;
    let bytes = 0;
    for (const { write } of this.#waiting) {
      if (count > 0 && bytes + recordBytes(write.payload.length) > this.#settings.syncBytes) break;
      bytes += recordBytes(write.payload.length);
      count++;
    }
    this.#bytes -= bytes;
    return this.#waiting.splice(0, count).map(({ write }) => write);
  }

  async #commit(group: RecordWrite[]): Promise<void> {
    const unsettled = new Set(group);
    const tracked = group.map((write) => tracking(write, unsettled));
    try {
      await this.#log.append(tracked);
    } catch (cause) {
      const error = AppError.from(cause);
      this.#onFailure(error);
      const tombstones = [...unsettled].filter(({ type }) => isTombstone(type));
      const retry = error.reason === 'KV_DISK_FULL' && tombstones.length > 0 && tombstones.length < unsettled.size;
      for (const write of unsettled) if (!retry || !isTombstone(write.type)) write.failed(error);
      // There is room kept for them.
      if (retry) await this.#commit(tombstones);
    }
  }
}

/** The same write, which leaves the set when it is settled. */
function tracking(write: RecordWrite, unsettled: Set<RecordWrite>): RecordWrite {
  return {
    type: write.type,
    key: write.key,
    payload: write.payload,
    payloadCrc: write.payloadCrc,
    expiresS: write.expiresS ?? 0,
    wanted: () => write.wanted(),
    committed(place) {
      unsettled.delete(write);
      write.committed(place);
    },
    skipped() {
      unsettled.delete(write);
      write.skipped();
    },
    failed: (error) => {
      write.failed(error);
    },
  };
}
