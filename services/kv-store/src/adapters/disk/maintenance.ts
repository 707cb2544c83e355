import { AppError } from '@longhaul/kernel';
import { encodeCheckpoint, saveCheckpoint } from './checkpoint.js';
import { compactionCandidate, compactSegment, type CompactionTools } from './compaction.js';
import { type DiskLog } from './disk-log.js';
import { type DiskSettings } from './options.js';
import { recordBytes } from './record-format.js';
import { readWhole } from './record-reader.js';
import { type Segment } from './segment.js';

/** What goes on behind the requests, one step at a time: checkpoints, compaction, scrubbing. */
export class Maintenance {
  compactions = 0;
  scrubbedBytes = 0;
  readonly #log: DiskLog;
  readonly #settings: DiskSettings;
  readonly #tools: CompactionTools;
  #work: Promise<unknown> = Promise.resolve();
  #scheduled = false;
  #stopped = false;
  #checkpointAt = 0;
  #checkpointLsn: number;
  #scrubSlot = 0;

  constructor(settings: DiskSettings, tools: CompactionTools, checkpointLsn: number) {
    this.#log = tools.log;
    this.#settings = settings;
    this.#tools = tools;
    this.#checkpointLsn = checkpointLsn;
  }

  /** Does what is due, soon. */
  kick(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    void this.#after(async () => {
      this.#scheduled = false;
      await this.#attempt('compaction', () => this.#compactAll());
      const isDue = this.#log.writtenBytes - this.#checkpointAt >= this.#settings.checkpointBytes;
      if (isDue) await this.#attempt('checkpoint', () => this.#checkpoint());
    });
  }

  /** Rewrites every segment that is worth it. Rejects as writes do. */
  compact(): Promise<void> {
    return this.#after(() => this.#compactAll());
  }

  /** Rewrites these segments, however full they are. Rejects as writes do. */
  rewrite(ids: ReadonlySet<number>): Promise<void> {
    return this.#after(async () => {
      for (const segment of this.#log.sealed) if (ids.has(segment.id)) await this.#compact(segment);
    });
  }

  /** Rejects as writes do. */
  checkpoint(): Promise<void> {
    return this.#after(() => this.#checkpoint());
  }

  /** Reads and verifies objects, going round, until `bytes` have been read or all have been. Resolves to the bytes read. */
  scrub(bytes: number): Promise<number> {
    return this.#after(() => this.#scrub(bytes));
  }

  /** Ends after the step under way; with a last checkpoint if asked. */
  async stop(lastCheckpoint: boolean): Promise<void> {
    this.#stopped = true;
    await this.#after(async () => {
      if (lastCheckpoint) await this.#attempt('checkpoint', () => this.#checkpoint());
    });
  }

  #after<T>(step: () => Promise<T>): Promise<T> {
    const work = this.#work.then(step);
    this.#work = work.catch(() => undefined);
    return work;
  }

  async #attempt(step: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#settings.onEvent({ kind: 'maintenance_failed', step, message: AppError.from(error).message });
    }
  }

  async #compactAll(): Promise<void> {
    for (;;) {
      const segment = this.#stopped ? undefined : compactionCandidate(this.#log);
      if (!segment) return;
      await this.#compact(segment);
    }
  }

  async #compact(segment: Segment): Promise<void> {
    const freedBytes = segment.physicalBytes;
    const movedBytes = await compactSegment(segment, this.#tools);
    this.compactions++;
    this.#settings.onEvent({ kind: 'compacted', segment: segment.id, movedBytes, freedBytes });
  }

  async #checkpoint(): Promise<void> {
    const { active, lastLsn: lsn, logId, index, leaving, segments } = this.#log;
    if (active === null || lsn === this.#checkpointLsn) return;
    this.#checkpointAt = this.#log.writtenBytes;
    const tombstones = new Map([...segments.values()].map((segment) => [segment.id, segment.tombstones]));
    const position = { segment: active.id, offset: active.end };
    const bytes = encodeCheckpoint(
      { logId, lsn, ...position, tombstones, index, leaving: [...leaving.values()] },
      this.#log.check.checksum,
    );
    this.#log.checkpointFileBytes = await saveCheckpoint(this.#log.files, this.#log.directory, { lsn, bytes });
    this.#checkpointLsn = lsn;
    this.#settings.onEvent({ kind: 'checkpointed', lsn, bytes: bytes.length });
  }

  async #scrub(bytes: number): Promise<number> {
    let read = 0;
    for (let seen = 0; seen < this.#log.index.slots && read < bytes && !this.#stopped; seen++) {
      const slot = this.#scrubSlot++;
      if (this.#scrubSlot >= this.#log.index.slots) this.#scrubSlot = 0;
      const entry = this.#log.index.at(slot);
      if (!entry) continue;
      read += recordBytes(entry.place.payloadBytes);
      await this.#verify(entry);
    }
    this.scrubbedBytes += read;
    return read;
  }

  async #verify(entry: NonNullable<ReturnType<DiskLog['index']['at']>>): Promise<void> {
    const { log } = this.#tools;
    try {
      await log.reading(entry.place, (segment) => readWhole(segment.file, entry, log.check));
    } catch (cause) {
      const error = AppError.from(cause);
      const isThere = log.index.get(entry.key)?.lsn === entry.place.lsn;
      if (isThere && (error.reason === 'KV_CORRUPT' || error.reason === 'KV_DISK_IO')) {
        this.#tools.quarantine(entry.key, error.message);
      }
    }
  }
}
