import { keyName } from '@longhaul/kv-core';
import type { Extent } from './extent-catalogue.js';
import { extentShare, MAX_ENTRIES, type ExtentObject } from './extent-format.js';
import type { BlockGroup } from './extent-name.js';
import { Gate } from './gate.js';
import { tierErrors } from './tier-errors.js';

/** An object that is not in the bucket yet. */
export interface PendingObject extends ExtentObject {
  /** The extent it is moved out of; null for a new one. */
  readonly from: Extent | null;
  /** False once it was removed while it waited. */
  wanted: boolean;
}

export interface PackerOptions {
  /** An extent is closed when it has this many bytes. */
  readonly extentBytes: number;
  /** ... or when its first object has waited this long. */
  readonly extentAgeMs: number;
  /** Most bytes waiting or being uploaded; a put beyond it fails with `KV_BUSY`. */
  readonly maxPendingBytes: number;
  /** Extents being uploaded at once. */
  readonly uploads: number;
  /** Puts the objects of one group into the bucket. */
  readonly store: (group: BlockGroup, objects: readonly PendingObject[]) => Promise<void>;
}

interface OpenExtent {
  readonly objects: PendingObject[];
  readonly done: Promise<void>;
  readonly settle: (stored: Promise<void>) => void;
  readonly timer: NodeJS.Timeout;
  bytes: number;
}

/** More closed extents than this never wait: the bound on bytes comes first. */
const MAX_WAITING_UPLOADS = 65_536;

/** Collects objects of a group until they are worth a request to the object store. */
export class ExtentPacker {
  readonly #options: PackerOptions;
  readonly #open = new Map<BlockGroup, OpenExtent>();
  readonly #pending = new Map<string, { readonly object: PendingObject; readonly done: Promise<void> }>();
  readonly #uploads: Gate;
  readonly #underWay = new Set<Promise<void>>();
  #pendingBytes = 0;

  constructor(options: PackerOptions) {
    this.#options = options;
    this.#uploads = new Gate('uploads', options.uploads, MAX_WAITING_UPLOADS);
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get pendingObjects(): number {
    return this.#pending.size;
  }

  get uploadsRunning(): number {
    return this.#uploads.running;
  }

  /** The promise of an object that is on its way and still wanted; undefined without. */
  waiting(key: Uint8Array): Promise<void> | undefined {
    const pending = this.#pending.get(keyName(key));
    return pending?.object.wanted ? pending.done : undefined;
  }

  /** An object that was removed before it was stored: it will not be visible when it is. */
  unwant(key: Uint8Array): void {
    const pending = this.#pending.get(keyName(key));
    if (pending) pending.object.wanted = false;
  }

  /**
   * Resolves when the object's extent is stored. Takes the memory of `object` over.
   *
   * @throws AppError `KV_BUSY` when too many bytes wait already; objects being moved are never refused.
   */
  add(group: BlockGroup, object: PendingObject): Promise<void> {
    const bytes = extentShare(object.object.length);
    const { maxPendingBytes, extentBytes } = this.#options;
    if (!object.from && this.#pendingBytes + bytes > maxPendingBytes)
      return Promise.reject(tierErrors.busy('bytes waiting for upload', maxPendingBytes));
    const open = this.#open.get(group) ?? this.#begin(group);
    open.objects.push(object);
    open.bytes += bytes;
    this.#pendingBytes += bytes;
    if (!object.from) this.#pending.set(keyName(object.key), { object, done: open.done });
    if (open.bytes >= extentBytes || open.objects.length >= MAX_ENTRIES) this.#close(group, open);
    return open.done;
  }

  /** Closes what is open and waits for everything that is under way; failures are their puts'. */
  async flush(): Promise<void> {
    for (const [group, open] of this.#open) this.#close(group, open);
    await Promise.allSettled(this.#underWay);
  }

  #begin(group: BlockGroup): OpenExtent {
    let settle: OpenExtent['settle'] = () => undefined;
    const done = new Promise<void>((resolve) => (settle = resolve));
    // A failure is each put's; an extent of moved objects alone has nobody who listens.
    done.catch(() => undefined);
    const timer = setTimeout(() => this.#close(group, open), this.#options.extentAgeMs);
    const open: OpenExtent = { objects: [], bytes: 0, done, settle, timer };
    this.#open.set(group, open);
    return open;
  }

  #close(group: BlockGroup, open: OpenExtent): void {
    clearTimeout(open.timer);
    this.#open.delete(group);
    const stored = this.#uploads
      .run(() => this.#options.store(group, open.objects))
      .finally(() => {
        this.#underWay.delete(stored);
        this.#pendingBytes -= open.bytes;
        for (const object of open.objects) this.#forget(object);
      });
    this.#underWay.add(stored);
    open.settle(stored);
  }

  #forget(object: PendingObject): void {
    const id = keyName(object.key);
    if (this.#pending.get(id)?.object === object) this.#pending.delete(id);
  }
}
