import { AppError, invalidArgument } from '@longhaul/kernel';
import { KEY_BYTES, MAX_OBJECT_BYTES, type BlockTier, type TierObject } from '@longhaul/kv-core';
import { ExtentCatalogue, type Extent, type Located } from './extent-catalogue.js';
import { extentShare } from './extent-format.js';
import { groupOf } from './extent-name.js';
import { ExtentPacker, type PendingObject } from './extent-packer.js';
import { ExtentRetirer } from './extent-retirer.js';
import { Gate } from './gate.js';
import { guardedBucket } from './guarded-bucket.js';
import { LeadCache } from './lead-cache.js';
import { loadExtents } from './load-extents.js';
import type { ObjectBucket } from './object-bucket.js';
import { DEFAULT_OBJECT_TIER, type ObjectTierOptions, type ObjectTierStats } from './object-tier-options.js';
import { storeExtent } from './store-extent.js';
import { tierErrors } from './tier-errors.js';
import { TierHealth } from './tier-health.js';

/** From this share of the limit on, sparse extents are rewritten earlier. */
const FULL_SHARE = 0.9;
const PROBE_NAME = 'probe';

/**
 * The cold tier: blocks in a bucket of any S3 API, several in one immutable extent (its README). Holds the place
 * of each object in memory, rebuilt from the extents' indexes at start; survives this machine. Reads of whole objects
 * are checked against a CRC32C; parts of objects are checked by the block format's own section checksums.
 */
export class ObjectTier implements BlockTier {
  readonly name = 'object';
  readonly limitBytes: number;
  readonly #options: Required<ObjectTierOptions>;
  readonly #raw: ObjectBucket;
  readonly #bucket: ObjectBucket;
  readonly #health: TierHealth;
  readonly #catalogue = new ExtentCatalogue();
  readonly #leads: LeadCache;
  readonly #packer: ExtentPacker;
  readonly #retirer: ExtentRetirer;
  readonly #reads: Gate;
  #loaded = false;
  #opened = false;
  #damaged = { damaged: 0, damagedBytes: 0 };
  #corruptReads = 0;
  #storedExtents = 0;

  private constructor(options: ObjectTierOptions) {
    const all: Required<ObjectTierOptions> = { ...DEFAULT_OBJECT_TIER, ...options };
    this.#options = all;
    this.limitBytes = all.limitBytes;
    this.#raw = all.bucket;
    this.#health = new TierHealth({
      probeMs: all.probeMs,
      probeRead: () => this.#raw.ping(),
      probeWrite: () => this.#probeWrite(),
      onRecovered: () => this.#load(),
      onWritable: () => void this.#retirer.resume(),
    });
    this.#bucket = guardedBucket(all.bucket, this.#health);
    this.#reads = new Gate('reads', all.reads, all.maxWaitingReads);
    const store = (group: string, objects: readonly PendingObject[]) => this.#store(group, objects);
    this.#packer = new ExtentPacker({ ...all, store });
    this.#retirer = this.#createRetirer();
    this.#leads = new LeadCache(all.leadCacheBytes, all.checksum, (...part) => this.#readPart(...part));
  }

  /**
   * Opens the tier and rebuilds what it knows from the bucket. A store that cannot be reached is no error: `health`
   * says so, and the tier comes back by itself.
   */
  static async open(options: ObjectTierOptions): Promise<ObjectTier> {
    const tier = new ObjectTier(options);
    await tier.#health.probe();
    tier.#opened = true;
    return tier;
  }

  /** Dead objects in extents, extents being deleted and objects on their way included. */
  get usedBytes(): number {
    return this.#catalogue.bytes + this.#retirer.doomedBytes + this.#packer.pendingBytes;
  }

  get objects(): number {
    return this.#catalogue.objects;
  }

  get health(): BlockTier['health'] {
    return this.#health.current;
  }

  async put(key: Uint8Array, object: Uint8Array): Promise<void> {
    if (key.length !== KEY_BYTES) throw invalidArgument('key', `A key has ${KEY_BYTES} bytes, not ${key.length}.`);
    if (object.length > MAX_OBJECT_BYTES)
      throw invalidArgument('object', `An object has at most ${MAX_OBJECT_BYTES} bytes, not ${object.length}.`);
    if (this.#catalogue.find(key)) return;
    const underWay = this.#packer.waiting(key);
    if (underWay) return underWay;
    this.#health.require('write');
    if (this.usedBytes + extentShare(object.length) > this.limitBytes) throw tierErrors.full(this.limitBytes);
    const { checksum, now } = this.#options;
    const copy = Uint8Array.from(object);
    await this.#packer.add(groupOf(copy), {
      key: Uint8Array.from(key),
      object: copy,
      crc32c: checksum(copy),
      storedUnixMs: now(),
      from: null,
      wanted: true,
    });
  }

  async read(key: Uint8Array, offset: number, length: number): Promise<Uint8Array> {
    const located = this.#catalogue.find(key);
    if (!located) throw tierErrors.notFound('The block is not in the object tier.');
    if (offset < 0 || length < 0 || offset + length > located.length)
      throw invalidArgument('length', `Bytes ${offset} to ${offset + length} are not in a block of ${located.length}.`);
    if (length === located.length) return this.#readWhole(located);
    const lead = await this.#leads.read(located, offset, length);
    return lead ?? this.#readPart(located.extent, located.offset + offset, length);
  }

  has(key: Uint8Array): boolean {
    return this.#catalogue.find(key) !== undefined;
  }

  sizeOf(key: Uint8Array): number {
    return this.#catalogue.find(key)?.length ?? -1;
  }

  async remove(keys: readonly Uint8Array[]): Promise<void> {
    const touched = new Set<Extent>();
    for (const key of keys) {
      this.#packer.unwant(key);
      const extent = this.#catalogue.remove(key);
      if (extent) touched.add(extent);
    }
    await Promise.all([...touched].map((extent) => this.#retirer.settle(extent)));
  }

  entries(): Iterable<TierObject> {
    return this.#catalogue.entries();
  }

  async close(): Promise<void> {
    await Promise.all([this.#packer.flush(), this.#retirer.close()]);
    await this.#packer.flush();
    await this.#health.close();
    this.#raw.close();
  }

  /** Resolves when no extent waits for upload or for rewriting. */
  async idle(): Promise<void> {
    await this.#packer.flush();
    await this.#retirer.idle();
  }

  stats(): ObjectTierStats {
    const { rewrittenExtents, deletedExtents, failures } = this.#retirer.counts;
    return {
      extents: this.#catalogue.extents,
      objects: this.objects,
      liveBytes: this.#catalogue.liveBytes,
      usedBytes: this.usedBytes,
      limitBytes: this.limitBytes,
      pendingBytes: this.#packer.pendingBytes,
      maxPendingBytes: this.#options.maxPendingBytes,
      pendingObjects: this.#packer.pendingObjects,
      uploadsRunning: this.#packer.uploadsRunning,
      readsRunning: this.#reads.running,
      readsWaiting: this.#reads.waiting,
      leadCacheBytes: this.#leads.bytes,
      doomedBytes: this.#retirer.doomedBytes,
      unsavedExtents: this.#retirer.unsavedExtents,
      damagedExtents: this.#damaged.damaged,
      damagedBytes: this.#damaged.damagedBytes,
      corruptReads: this.#corruptReads,
      storedExtents: this.#storedExtents,
      rewrittenExtents,
      deletedExtents,
      maintenanceFailures: failures,
    };
  }

  async #readWhole(located: Located): Promise<Uint8Array> {
    const bytes = await this.#readPart(located.extent, located.offset, located.length);
    if (this.#options.checksum(bytes) === located.crc32c) return bytes;
    this.#corruptReads++;
    throw tierErrors.corrupt('A block in the object tier contradicts its checksum.');
  }

  async #readPart(extent: Extent, offset: number, length: number): Promise<Uint8Array> {
    const { partBytes } = this.#options;
    const bytes = new Uint8Array(length);
    extent.readers++;
    try {
      const parts = Array.from({ length: Math.ceil(length / partBytes) }, (_, i) => {
        const into = bytes.subarray(i * partBytes, (i + 1) * partBytes);
        return this.#reads.run(() => this.#bucket.read(extent.name, offset + i * partBytes, into));
      });
      await Promise.all(parts);
      return bytes;
    } catch (error) {
      throw this.#explain(extent, error);
    } finally {
      extent.readers--;
      this.#retirer.released(extent);
    }
  }

  /** An extent that somebody else deleted (lifecycle rule, another store) is forgotten: a miss, not a fault. */
  #explain(extent: Extent, error: unknown): unknown {
    if (!AppError.isInstance(error)) return error;
    if (error.reason === 'KV_NOT_FOUND') this.#catalogue.forget(extent);
    if (error.reason === 'KV_CORRUPT') this.#corruptReads++;
    return error;
  }

  async #store(group: string, objects: readonly PendingObject[]): Promise<void> {
    const { checksum, now } = this.#options;
    await storeExtent(
      {
        bucket: this.#bucket,
        catalogue: this.#catalogue,
        checksum,
        nowUnixMs: now,
        isTaken: (name) => this.#retirer.isDoomed(name),
        onDead: (extent) => void this.#retirer.settle(extent),
      },
      group,
      objects,
    );
    this.#storedExtents++;
  }

  #createRetirer(): ExtentRetirer {
    const { checksum, rewriteBelow, rewriteBelowWhenFull } = this.#options;
    return new ExtentRetirer({
      bucket: this.#bucket,
      catalogue: this.#catalogue,
      checksum,
      rewriteBelow: () => (this.usedBytes > this.limitBytes * FULL_SHARE ? rewriteBelowWhenFull : rewriteBelow),
      canWrite: () => this.health.writable,
      readWhole: (located) => this.#readWhole(located),
      pack: (group, object) => this.#packer.add(group, object),
    });
  }

  async #probeWrite(): Promise<void> {
    const body = new Uint8Array(1);
    await this.#raw.replace(PROBE_NAME, body, this.#options.checksum(body));
  }

  async #load(): Promise<void> {
    if (this.#loaded) return;
    const { checksum, onFound } = this.#options;
    this.#damaged = await loadExtents({ bucket: this.#raw, catalogue: this.#catalogue, checksum });
    this.#loaded = true;
    if (this.#opened) onFound();
  }
}
