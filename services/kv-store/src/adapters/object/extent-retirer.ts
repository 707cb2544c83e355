import { keyName, type Checksum } from '@longhaul/kv-core';
import { AppError } from '@longhaul/kernel';
import type { Extent, ExtentCatalogue, Located } from './extent-catalogue.js';
import { groupOfExtent, removalsName, type BlockGroup } from './extent-name.js';
import type { PendingObject } from './extent-packer.js';
import type { ObjectBucket } from './object-bucket.js';
import { encodeRemovals } from './removal-list.js';

export interface RetirerOptions {
  readonly bucket: ObjectBucket;
  readonly catalogue: ExtentCatalogue;
  readonly checksum: Checksum;
  /** The share of live bytes below which an extent is rewritten, 0 to 1; asked anew for each extent. */
  readonly rewriteBelow: () => number;
  readonly canWrite: () => boolean;
  /** Reads and verifies a whole object. */
  readonly readWhole: (located: Located) => Promise<Uint8Array>;
  /** Puts a live object into another extent. */
  readonly pack: (group: BlockGroup, object: PendingObject) => Promise<void>;
}

/** What it has done since the start. */
export interface RetirerCounts {
  readonly rewrittenExtents: number;
  readonly rewrittenBytes: number;
  readonly deletedExtents: number;
  readonly failures: number;
}

/**
 * What becomes of extents whose objects were removed: one without live objects is deleted once nobody reads it; one
 * with few is rewritten, its live objects packed into another; one with many gets a list of removed keys beside it, so
 * that they do not come back with the next start. What fails is kept and tried again with `resume`.
 */
export class ExtentRetirer {
  readonly #options: RetirerOptions;
  readonly #doomed = new Map<string, Extent>();
  readonly #unsaved = new Set<Extent>();
  readonly #saving = new Map<Extent, Promise<void>>();
  readonly #rewriting = new Set<Extent>();
  #rewrites: Promise<void> = Promise.resolve();
  #closed = false;
  #counts = { rewrittenExtents: 0, rewrittenBytes: 0, deletedExtents: 0, failures: 0 };

  constructor(options: RetirerOptions) {
    this.#options = options;
  }

  get counts(): RetirerCounts {
    return this.#counts;
  }

  /** Bytes that nothing refers to and that are still in the bucket. */
  get doomedBytes(): number {
    let bytes = 0;
    for (const extent of this.#doomed.values()) bytes += extent.bytes;
    return bytes;
  }

  /** Extents whose removed keys are only known in memory. */
  get unsavedExtents(): number {
    return this.#unsaved.size;
  }

  isDoomed(name: string): boolean {
    return this.#doomed.has(name);
  }

  /** Decides what becomes of an extent that lost objects. Resolves when that is stored or put off; never rejects. */
  async settle(extent: Extent): Promise<void> {
    if (this.#rewriting.has(extent) && extent.live.size > 0) return;
    if (extent.live.size === 0) return this.#doom(extent);
    if (extent.removed.length === 0) return;
    this.#unsaved.add(extent);
    if (extent.liveBytes < extent.bytes * this.#options.rewriteBelow() && !this.#closed) this.#queueRewrite(extent);
    else await this.#save(extent);
  }

  /** Tells that a read of `extent` ended. */
  released(extent: Extent): void {
    if (extent.readers === 0 && this.#doomed.has(extent.name)) void this.#delete(extent);
  }

  /** Takes up everything that was put off, and every extent that a start found with few live objects. */
  async resume(): Promise<void> {
    for (const extent of this.#doomed.values()) if (extent.readers === 0) await this.#delete(extent);
    for (const extent of [...this.#options.catalogue.allExtents()]) {
      const isSparse = extent.liveBytes < extent.bytes * this.#options.rewriteBelow();
      if (isSparse || this.#unsaved.has(extent)) await this.settle(extent);
    }
  }

  /** Resolves when the rewriting that is queued now has ended. */
  async idle(): Promise<void> {
    await this.#rewrites;
  }

  /** Ends rewriting after the extent under way and stores what has been removed. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#rewrites;
    await Promise.all([...this.#unsaved].map((extent) => this.#save(extent)));
  }

  async #doom(extent: Extent): Promise<void> {
    this.#options.catalogue.forget(extent);
    this.#unsaved.delete(extent);
    this.#doomed.set(extent.name, extent);
    if (extent.readers === 0) await this.#delete(extent);
  }

  async #delete(extent: Extent): Promise<void> {
    const { bucket, canWrite } = this.#options;
    if (!canWrite()) return;
    await this.#attempt(async () => {
      // A list that is being written now would be left over.
      await this.#saving.get(extent);
      await bucket.remove(extent.name);
      await bucket.remove(removalsName(extent.name));
      if (this.#doomed.delete(extent.name)) this.#counts.deletedExtents++;
    });
  }

  /** One writer per extent; removals that come meanwhile are in the next list. */
  #save(extent: Extent): Promise<void> {
    const underWay = this.#saving.get(extent);
    if (underWay) return underWay.then(() => (this.#unsaved.has(extent) ? this.#save(extent) : undefined));
    if (!this.#options.canWrite()) return Promise.resolve();
    const saving = this.#attempt(() => this.#write(extent)).finally(() => this.#saving.delete(extent));
    this.#saving.set(extent, saving);
    return saving;
  }

  async #write(extent: Extent): Promise<void> {
    const { bucket, catalogue, checksum } = this.#options;
    if (catalogue.extent(extent.name) !== extent) return;
    const count = extent.removed.length;
    const list = encodeRemovals(extent.removed, checksum);
    await bucket.replace(removalsName(extent.name), list, checksum(list));
    if (extent.removed.length === count) this.#unsaved.delete(extent);
  }

  /** One at a time: rewriting must not crowd out what is new. */
  #queueRewrite(extent: Extent): void {
    if (this.#rewriting.has(extent)) return;
    this.#rewriting.add(extent);
    this.#rewrites = this.#rewrites
      .then(() => this.#attempt(() => this.#rewrite(extent)))
      .finally(() => this.#rewriting.delete(extent))
      .then(() => (extent.live.size === 0 ? this.settle(extent) : undefined));
  }

  async #rewrite(extent: Extent): Promise<void> {
    const { canWrite, readWhole, pack, catalogue } = this.#options;
    if (this.#closed || !canWrite() || catalogue.extent(extent.name) !== extent) return;
    const moves: Promise<void>[] = [];
    for (const located of [...extent.live.values()]) {
      const object = await readWhole(located).catch((error: unknown) => this.#dropDamaged(located, error));
      if (!object) continue;
      const { key, storedUnixMs, crc32c } = located;
      const move = pack(groupOfExtent(extent.name), { key, object, storedUnixMs, crc32c, from: extent, wanted: true });
      move.catch(() => undefined);
      moves.push(move);
    }
    await Promise.all(moves);
    this.#counts.rewrittenExtents++;
    this.#counts.rewrittenBytes += extent.bytes;
  }

  /** A damaged object is not carried on; anything else ends the rewriting. */
  #dropDamaged(located: Located, error: unknown): null {
    const isGone = AppError.isInstance(error) && (error.reason === 'KV_CORRUPT' || error.reason === 'KV_NOT_FOUND');
    if (!isGone) throw error;
    if (located.extent.live.get(keyName(located.key)) === located) this.#options.catalogue.remove(located.key);
    return null;
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch {
      this.#counts.failures++;
    }
  }
}
