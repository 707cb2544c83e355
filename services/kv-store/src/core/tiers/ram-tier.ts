import { keyName, type BlockTier, type TierObject } from '@longhaul/kv-core';
import { storeErrors } from '../store-errors.js';

interface Held {
  readonly key: Uint8Array;
  readonly object: Uint8Array;
}

/**
 * Blocks in this process's memory, the fastest tier. Survives nothing. Whoever reads gets a view, not a copy: a view
 * must not be written to, and stays valid after the block is removed.
 */
export class RamTier implements BlockTier {
  readonly name = 'ram';
  readonly health = { writable: true, readable: true, reason: '' };
  readonly #held = new Map<string, Held>();
  #bytes = 0;

  /** @param limitBytes bytes of objects; `put` and `adopt` beyond it fail with `KV_TIER_FULL`. */
  constructor(readonly limitBytes: number) {}

  get usedBytes(): number {
    return this.#bytes;
  }

  get objects(): number {
    return this.#held.size;
  }

  put(key: Uint8Array, object: Uint8Array): Promise<void> {
    try {
      if (!this.has(key)) this.adopt(key, Uint8Array.from(object));
      return Promise.resolve();
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** Like `put`, at once, and takes the memory over: the caller must not write to it any more. */
  adopt(key: Uint8Array, object: Uint8Array): void {
    const name = keyName(key);
    if (this.#held.has(name)) return;
    if (this.#bytes + object.length > this.limitBytes) throw storeErrors.tierFull(this.limitBytes);
    this.#held.set(name, { key: Uint8Array.from(key), object });
    this.#bytes += object.length;
  }

  read(key: Uint8Array, offset: number, length: number): Promise<Uint8Array> {
    const view = this.view(key, offset, length);
    return view ? Promise.resolve(view) : Promise.reject(storeErrors.notFound('The block is not in memory.'));
  }

  /** Like `read`, at once; null when the block or the range is not there. */
  view(key: Uint8Array, offset: number, length: number): Uint8Array | null {
    const held = this.#held.get(keyName(key));
    if (!held || offset < 0 || length < 0 || offset + length > held.object.length) return null;
    return held.object.subarray(offset, offset + length);
  }

  has(key: Uint8Array): boolean {
    return this.#held.has(keyName(key));
  }

  sizeOf(key: Uint8Array): number {
    return this.#held.get(keyName(key))?.object.length ?? -1;
  }

  remove(keys: readonly Uint8Array[]): Promise<void> {
    for (const key of keys) this.drop(key);
    return Promise.resolve();
  }

  /** Like `remove` of one key, at once. */
  drop(key: Uint8Array): void {
    const name = keyName(key);
    const held = this.#held.get(name);
    if (!held) return;
    this.#held.delete(name);
    this.#bytes -= held.object.length;
  }

  *entries(): Iterable<TierObject> {
    for (const { key, object } of this.#held.values()) yield { key, bytes: object.length };
  }

  close(): Promise<void> {
    this.#held.clear();
    this.#bytes = 0;
    return Promise.resolve();
  }
}
