import { keyName, type TierObject } from '@longhaul/kv-core';
import { extentShare, FOOTER_BYTES, type ExtentEntry } from './extent-format.js';

/** One stored extent and what of it is still wanted. */
export interface Extent {
  readonly name: string;
  readonly bytes: number;
  readonly createdUnixMs: number;
  /** [begin, end) of the leads of all its objects. */
  readonly leads: readonly [number, number];
  /** By key name. */
  readonly live: Map<string, Located>;
  /** Keys that are in it and no longer wanted, in the order of removal. */
  readonly removed: Uint8Array[];
  /** Bytes of live objects, padding and index entries included. */
  liveBytes: number;
  /** Reads under way; it is deleted only without any. */
  readers: number;
}

/** Where one object is. */
export interface Located extends ExtentEntry {
  readonly extent: Extent;
}

/** What is in the bucket, as far as this process knows. Holds no payload and does no I/O. */
export class ExtentCatalogue {
  readonly #objects = new Map<string, Located>();
  readonly #extents = new Map<string, Extent>();
  #bytes = 0;
  #liveBytes = 0;

  get objects(): number {
    return this.#objects.size;
  }

  get extents(): number {
    return this.#extents.size;
  }

  /** Bytes of all extents, dead objects included. */
  get bytes(): number {
    return this.#bytes;
  }

  get liveBytes(): number {
    return this.#liveBytes;
  }

  /**
   * Adds a stored extent. Of an object that another extent has already, the copy that was there first stays.
   *
   * @param unwanted key names of its entries that nobody wants any more.
   */
  add(
    name: string,
    createdUnixMs: number,
    entries: readonly ExtentEntry[],
    unwanted: ReadonlySet<string> = new Set(),
  ): Extent {
    const known = this.#extents.get(name);
    if (known) return known;
    const bytes = entries.reduce((sum, { length }) => sum + extentShare(length), FOOTER_BYTES);
    const leads = leadsOf(entries);
    const extent: Extent = {
      ...{ name, bytes, createdUnixMs, leads },
      ...{ live: new Map(), removed: [], liveBytes: 0, readers: 0 },
    };
    this.#extents.set(name, extent);
    this.#bytes += bytes;
    for (const entry of entries) {
      const id = keyName(entry.key);
      if (unwanted.has(id)) extent.removed.push(entry.key);
      else if (!this.#objects.has(id)) this.#link(id, locate(entry, extent));
    }
    return extent;
  }

  find(key: Uint8Array): Located | undefined {
    return this.#objects.get(keyName(key));
  }

  extent(name: string): Extent | undefined {
    return this.#extents.get(name);
  }

  allExtents(): Iterable<Extent> {
    return this.#extents.values();
  }

  /** Takes an object out of lookups. @returns the extent that holds its bytes on, or null when there was none. */
  remove(key: Uint8Array): Extent | null {
    const id = keyName(key);
    const located = this.#objects.get(id);
    if (!located) return null;
    this.#unlink(id, located);
    located.extent.removed.push(located.key);
    return located.extent;
  }

  /** Points an object at its copy in another extent, if it is still in `from` and `to` is known. */
  move(key: Uint8Array, from: Extent, to: Extent, entry: ExtentEntry): boolean {
    const id = keyName(key);
    const located = this.#objects.get(id);
    if (located?.extent !== from) return false;
    this.#unlink(id, located);
    from.removed.push(key);
    this.#link(id, locate(entry, to));
    return true;
  }

  /** Forgets an extent and all that is in it. @returns the keys that were live. */
  forget(extent: Extent): Uint8Array[] {
    if (this.#extents.get(extent.name) !== extent) return [];
    const keys = [...extent.live.values()].map(({ key }) => key);
    for (const [id, located] of [...extent.live]) this.#unlink(id, located);
    this.#extents.delete(extent.name);
    this.#bytes -= extent.bytes;
    return keys;
  }

  /** Oldest first. */
  *entries(): Iterable<TierObject> {
    const all = [...this.#objects.values()].sort((a, b) => a.storedUnixMs - b.storedUnixMs);
    for (const { key, length } of all) yield { key, bytes: length };
  }

  #link(id: string, located: Located): void {
    this.#objects.set(id, located);
    located.extent.live.set(id, located);
    this.#grow(located, extentShare(located.length));
  }

  #unlink(id: string, located: Located): void {
    this.#objects.delete(id);
    located.extent.live.delete(id);
    this.#grow(located, -extentShare(located.length));
  }

  #grow({ extent }: Located, bytes: number): void {
    extent.liveBytes += bytes;
    this.#liveBytes += bytes;
  }
}

function locate(entry: ExtentEntry, extent: Extent): Located {
  return { ...entry, extent };
}

function leadsOf(entries: readonly ExtentEntry[]): readonly [number, number] {
  let [begin, end] = [Infinity, 0];
  for (const { leadOffset, leadBytes } of entries) {
    begin = Math.min(begin, leadOffset);
    end = Math.max(end, leadOffset + leadBytes);
  }
  return [Math.min(begin, end), end];
}
