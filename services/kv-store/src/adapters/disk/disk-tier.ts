import { KEY_BYTES, type BlockTier, type Checksum, type TierObject, keyName } from '@longhaul/kv-core';
import { AppError, invalidArgument, systemClock } from '@longhaul/kernel';
import { crc32c, crc32cAsync } from '@longhaul/kv-native';
import { type CompactionTools } from './compaction.js';
import { busy, closed, notFound, tierFull } from './disk-errors.js';
import { nativeFiles } from './disk-files.js';
import { DiskLog } from './disk-log.js';
import { Maintenance } from './maintenance.js';
import { type DiskClock, type DiskSettings, diskSettings, type DiskStats, type DiskTierOptions } from './options.js';
import { recordBytes, RecordType } from './record-format.js';
import { type Place } from './record-index.js';
import { readPart, readWhole } from './record-reader.js';
import { recoverLog, type Recovery } from './recover.js';
import { type PendingPut, Removals } from './removals.js';
import { TierHealth } from './tier-health.js';
import { WriteQueue } from './write-queue.js';

const SCRUB_STEPS_PER_HOUR = 60;
const HOUR_MS = 3_600_000;
const MARK = { type: RecordType.mark, key: new Uint8Array(KEY_BYTES), payload: new Uint8Array(0), payloadCrc: 0 };
const NOTHING = (): void => undefined;

/** The disk log as a tier, and what an operator may ask of it. */
export interface DiskTier extends BlockTier {
  stats(): DiskStats;
  /** Rewrites sealed segments of which less than a quarter is live. Runs by itself after removals. */
  compact(): Promise<void>;
  /** Rewrites these segments, in which damage was found, without it, and takes segments that are gone for settled. */
  settle(damaged: ReadonlySet<number>): Promise<void>;
  /** Writes the index to its file, so that recovery need not scan what is older. Runs by itself. */
  checkpoint(): Promise<void>;
  /** Reads and verifies about this many bytes of objects, going round; damaged ones are quarantined. Runs by itself. */
  scrub(bytes: number): Promise<number>;
}

interface Tools {
  readonly log: DiskLog;
  readonly settings: DiskSettings;
  readonly clock: DiskClock;
  readonly checksumAsync: (bytes: Uint8Array) => Promise<number>;
  readonly unlock: () => Promise<void>;
}

/**
 * Opens the log in a folder, recovering what is there. Rejects with `KV_DISK_LOCKED` where another
 * process has it open, `KV_DISK_IO` where it cannot be read, INVALID_ARGUMENT. Where it can be read and not written, the
 * tier opens and says so in `health`.
 */
export async function openDiskTier(options: DiskTierOptions): Promise<DiskTier> {
  const settings = diskSettings(options);
  const files = options.files ?? nativeFiles;
  const clock = options.clock ?? systemClock;
  const given = options.checksum;
  const checksum: Checksum = given ?? crc32c;
  const checksumAsync = given ? (bytes: Uint8Array) => Promise.resolve(given(bytes)) : crc32cAsync;
  const rights = await files.ownDirectory(settings.directory);
  const unlock = await files.lock(settings.directory);
  settings.onEvent({ kind: 'rights', ...rights });
  let recovery: Recovery;
  try {
    recovery = await recoverLog({
      ...{ files, checksum, directory: settings.directory, onEvent: settings.onEvent },
      ...{ mode: 'write', useCheckpoint: true, now: () => clock.monotonicMs() },
    });
  } catch (error) {
    await unlock();
    throw error;
  }
  settings.onEvent({ kind: 'recovered', report: recovery.report });
  const log = new DiskLog(recovery, settings, { files, checksum });
  const tier = new LogTier({ log, settings, clock, checksumAsync, unlock }, recovery.report.checkpointLsn);
  await tier.start();
  return tier;
}

class LogTier implements DiskTier {
  readonly name = 'disk';
  readonly keepsExpiry = true;
  readonly limitBytes: number;
  readonly #log: DiskLog;
  readonly #settings: DiskSettings;
  readonly #tools: Tools;
  readonly #queue: WriteQueue;
  readonly #health: TierHealth;
  readonly #maintenance: Maintenance;
  readonly #removals: Removals;
  readonly #pending = new Map<string, PendingPut>();
  #queuedBytes = 0;
  #readBytes = 0;
  #quarantined = 0;
  #closed = false;
  #probing = false;
  #cancelScrub: () => void = () => undefined;

  constructor(tools: Tools, checkpointLsn: number) {
    const { log, settings, clock } = tools;
    this.limitBytes = settings.limitBytes;
    this.#log = log;
    this.#settings = settings;
    this.#tools = tools;
    this.#health = new TierHealth(settings, clock, () => void this.#probe());
    const onFailure = (error: AppError): void => {
      this.#health.failed(error);
    };
    this.#queue = new WriteQueue(log, settings, { clock, onFailure });
    const append: CompactionTools['append'] = (write) => {
      this.#queue.push(write);
    };
    this.#removals = new Removals(log, append);
    const quarantine = (key: Uint8Array, message: string): void => {
      this.#quarantine(key, message);
    };
    const barrier = (): Promise<void> => this.#barrier();
    this.#maintenance = new Maintenance(settings, { log, append, quarantine, barrier }, checkpointLsn);
  }

  get usedBytes(): number {
    return this.#log.usedBytes;
  }

  get objects(): number {
    return this.#log.index.size;
  }

  get health(): BlockTier['health'] {
    const { error } = this.#health;
    const reason = this.#closed ? 'KV_STORE_UNAVAILABLE' : (error?.reason ?? '');
    return { writable: !this.#closed && error === null, readable: !this.#closed, reason };
  }

  async start(): Promise<void> {
    try {
      await this.#log.prepare();
    } catch (error) {
      this.#health.failed(AppError.from(error));
    }
    this.#maintenance.kick();
    this.#scheduleScrub();
  }

  async put(key: Uint8Array, object: Uint8Array, expiresS = 0): Promise<void> {
    this.#checkPut(key, object);
    const name = keyName(key);
    const pending = this.#pending.get(name);
    if (pending) return pending.done;
    if (this.#log.index.has(key)) return;
    this.#admit(recordBytes(object.length));
    const put: PendingPut = { done: Promise.resolve(), dropped: false, place: null };
    const done = this.#append({ key: key.slice(), payload: object, expiresS }, put);
    Object.assign(put, { done });
    this.#pending.set(name, put);
    try {
      await done;
    } finally {
      if (this.#pending.get(name) === put) this.#pending.delete(name);
    }
    this.#maintenance.kick();
  }

  async read(key: Uint8Array, offset: number, length: number): Promise<Uint8Array> {
    if (this.#closed) throw closed();
    const place = this.#log.index.get(key);
    if (!place) throw notFound();
    if (!(offset >= 0 && length >= 0 && offset + length <= place.payloadBytes)) {
      throw invalidArgument(
        'offset',
        `offset and length must lie within the object's ${String(place.payloadBytes)} bytes.`,
      );
    }
    const isWhole = offset === 0 && length === place.payloadBytes;
    try {
      return await this.#log.reading(place, async ({ file }) => {
        const part = { offset, length };
        const bytes = isWhole ? readWhole(file, { key, place }, this.#log.check) : readPart(file, place, part);
        this.#readBytes += (await bytes).length;
        return bytes;
      });
    } catch (cause) {
      const error = AppError.from(cause);
      const isThere = this.#log.index.get(key)?.lsn === place.lsn;
      if (error.reason === 'KV_CORRUPT' && isThere) this.#quarantine(key, error.message);
      throw error;
    }
  }

  has(key: Uint8Array): boolean {
    return this.#log.index.has(key);
  }

  sizeOf(key: Uint8Array): number {
    return this.#log.index.get(key)?.payloadBytes ?? -1;
  }

  async remove(keys: readonly Uint8Array[]): Promise<void> {
    if (this.#closed) throw closed();
    const known: Uint8Array[] = [];
    const places: Place[] = [];
    const puts: PendingPut[] = [];
    for (const key of keys) {
      const place = this.#log.drop(key);
      const put = this.#pending.get(keyName(key));
      if (place) {
        places.push(place);
        this.#log.leaving.set(keyName(key), { key: key.slice(), place });
      }
      if (put) {
        put.dropped = true;
        this.#pending.delete(keyName(key));
        puts.push(put);
      }
      if (place || put) known.push(key.slice());
    }
    if (known.length === 0) return;
    await this.#removals.remove({ keys: known, places, puts });
    await this.#relieve();
    this.#maintenance.kick();
  }

  /** Oldest first. */
  *entries(): Generator<TierObject> {
    const all = [...this.#log.index.entries()].sort((a, b) => a.place.lsn - b.place.lsn);
    for (const { key, place } of all) yield { key, bytes: place.payloadBytes, expiresS: place.expiresS };
  }

  compact(): Promise<void> {
    return this.#maintenance.compact();
  }

  async settle(damaged: ReadonlySet<number>): Promise<void> {
    if (this.#log.active !== null && damaged.has(this.#log.active.id)) {
      await this.#queue.exclusively(() => this.#log.rotate());
    }
    await this.#maintenance.rewrite(damaged);
    await this.#queue.exclusively(() => this.#log.forgetMissing());
  }

  checkpoint(): Promise<void> {
    return this.#maintenance.checkpoint();
  }

  scrub(bytes: number): Promise<number> {
    return this.#maintenance.scrub(bytes);
  }

  stats(): DiskStats {
    const log = this.#log;
    const { limitBytes, maxQueuedBytes } = this.#settings;
    const sizes = { usedBytes: log.usedBytes, liveBytes: log.liveBytes, limitBytes, maxQueuedBytes };
    const queue = { queuedBytes: this.#queuedBytes, queuedWrites: this.#queue.length };
    const counts = { writtenBytes: log.writtenBytes, readBytes: this.#readBytes, syncs: log.syncs };
    const { compactions, scrubbedBytes } = this.#maintenance;
    return {
      ...{ objects: log.index.size, segments: log.segments.size, indexMemoryBytes: log.index.bytesOfMemory },
      ...{ ...sizes, ...queue, ...counts, compactions, scrubbedBytes, quarantined: this.#quarantined },
      directIo: log.active?.file.direct ?? false,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelScrub();
    this.#health.stop();
    await Promise.allSettled([...this.#pending.values()].map(({ done }) => done));
    await this.#queue.flush();
    await this.#maintenance.stop(this.#health.error === null);
    await this.#queue.flush();
    await this.#log.closeFiles();
    await this.#tools.unlock();
  }

  #checkPut(key: Uint8Array, object: Uint8Array): void {
    if (this.#closed) throw closed();
    if (key.length !== KEY_BYTES) throw invalidArgument('key', 'key must have 32 bytes.');
    const { maxObjectBytes } = this.#log;
    if (object.length > maxObjectBytes) {
      throw invalidArgument(
        'object',
        `object: ${String(object.length)} bytes; the disk tier takes ${String(maxObjectBytes)}.`,
      );
    }
  }

  #admit(bytes: number): void {
    const { error } = this.#health;
    if (error) throw error;
    const { maxQueuedBytes, limitBytes } = this.#settings;
    if (this.#queuedBytes + bytes > maxQueuedBytes) throw busy(this.#queuedBytes, maxQueuedBytes);
    const used = this.usedBytes + this.#queuedBytes;
    if (used + bytes > limitBytes) throw tierFull(bytes, used, limitBytes);
  }

  async #append(object: { key: Uint8Array; payload: Uint8Array; expiresS: number }, put: PendingPut): Promise<void> {
    const { key, payload } = object;
    const bytes = recordBytes(payload.length);
    this.#queuedBytes += bytes;
    try {
      const payloadCrc = await this.#tools.checksumAsync(payload);
      await new Promise<void>((resolve, reject: (error: AppError) => void) => {
        this.#queue.push({
          ...{ ...object, type: RecordType.put, payloadCrc, skipped: resolve, failed: reject },
          wanted: () => !put.dropped,
          committed: (place) => {
            if (put.dropped) {
              put.place = place;
              this.#log.leaving.set(keyName(key), { key, place });
            } else this.#log.insert(key, place);
            resolve();
          },
        });
      });
    } finally {
      this.#queuedBytes -= bytes;
    }
  }

  /** Resolves when every tombstone of what is out of the index is on the medium. */
  async #barrier(): Promise<void> {
    await this.#removals.retry();
    await new Promise<void>((resolve, reject: (error: AppError) => void) => {
      this.#queue.push({ ...MARK, wanted: () => false, committed: NOTHING, skipped: resolve, failed: reject });
    });
  }

  /** Takes a damaged object out, for good: its tombstone outlives the process. */
  #quarantine(key: Uint8Array, message: string): void {
    const place = this.#log.drop(key);
    if (!place) return;
    this.#quarantined++;
    const own = key.slice();
    this.#log.leaving.set(keyName(own), { key: own, place });
    this.#settings.onEvent({ kind: 'quarantined', key: own, bytes: place.payloadBytes, message });
    // Told by `health`; repeated with the next probe.
    this.#removals.remove({ keys: [own], places: [place], puts: [] }).catch(() => undefined);
  }

  /** Seals the active segment where dead records keep much of it: they can be punched only then. */
  async #relieve(): Promise<void> {
    const { active } = this.#log;
    const { limitBytes, segmentBytes } = this.#settings;
    const dead = active?.dead.reduce((sum, place) => sum + recordBytes(place.payloadBytes), 0) ?? 0;
    const isTight = this.usedBytes > limitBytes * 0.8 && dead >= Math.min(1 << 20, limitBytes / 16);
    if (dead <= segmentBytes / 4 && !isTight) return;
    try {
      await this.#queue.exclusively(() => this.#log.rotate());
    } catch (error) {
      this.#health.failed(AppError.from(error));
    }
  }

  async #probe(): Promise<void> {
    if (this.#probing || this.#closed) return;
    this.#probing = true;
    try {
      await this.#removals.retry();
      await new Promise<void>((resolve, reject: (error: AppError) => void) => {
        const committed = (): void => {
          resolve();
        };
        this.#queue.push({ ...MARK, wanted: () => true, committed, skipped: resolve, failed: reject });
      });
      this.#health.recovered();
    } catch (error) {
      this.#health.failed(AppError.from(error));
    } finally {
      this.#probing = false;
    }
  }

  #scheduleScrub(): void {
    const { scrubPerHour } = this.#settings;
    if (scrubPerHour === 0 || this.#closed) return;
    const next = (): void => {
      const bytes = (this.#log.liveBytes * scrubPerHour) / SCRUB_STEPS_PER_HOUR;
      // A scrub that finds nothing to do reads nothing.
      void this.#maintenance.scrub(bytes).finally(() => {
        this.#scheduleScrub();
      });
    };
    this.#cancelScrub = this.#tools.clock.after(HOUR_MS / SCRUB_STEPS_PER_HOUR, next, 'background');
  }
}
