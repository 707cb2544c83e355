import { keyName } from './extent-catalogue.js';
import type { ExtentEntry } from './extent-format.js';

/** 16 MiB. */
const MAX_LEADS = 65_536;

/**
 * The first bytes of the objects that a start found, from the extents' indexes, until each was asked for once: a store
 * that looks at every header when it starts needs no request per block.
 */
export class LeadCache {
  readonly #leads = new Map<string, Uint8Array>();

  /** Those beyond the bound are not kept; they cost a request. */
  keep(entries: readonly ExtentEntry[]): void {
    for (const { key, lead } of entries) {
      if (this.#leads.size >= MAX_LEADS) return;
      this.#leads.set(keyName(key), lead);
    }
  }

  /** The bytes, if all of them are here; they are given away. */
  take(key: Uint8Array, offset: number, length: number): Uint8Array | null {
    const id = keyName(key);
    const lead = this.#leads.get(id);
    if (!lead || offset + length > lead.length) return null;
    this.#leads.delete(id);
    return lead.slice(offset, offset + length);
  }

  drop(key: Uint8Array): void {
    this.#leads.delete(keyName(key));
  }
}
