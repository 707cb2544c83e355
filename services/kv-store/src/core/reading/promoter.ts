import { type BlockSection, type Checksum, type Namespace, type PrefixIndex, verifyBlock } from '@longhaul/kv-core';
import type { StoreObserver } from '../ports.js';
import type { Evictor, Namespaces, Residence } from '../residence/index.js';
import { RAM, type RamTier } from '../tiers/index.js';
import type { CopyReader } from './copy-reader.js';

/** Share of memory that promotions under way may have: the rest is for what is written. */
const PROMOTION_SHARE = 0.25;

export interface PromoterParts {
  readonly blocks: PrefixIndex;
  readonly namespaces: Pick<Namespaces, 'record'>;
  readonly residence: Pick<Residence, 'publish' | 'removal'>;
  readonly evictor: Pick<Evictor, 'releaseMemory' | 'reserveMemory'>;
  readonly ram: RamTier;
  readonly copies: CopyReader;
  readonly checksum: Checksum;
  readonly observer: StoreObserver;
}

/** A block on its way up: its verified parts are collected as they pass by. */
export interface Promotion {
  section(section: BlockSection, bytes: Uint8Array): void;
  /** Ends it: in memory when all of it has been seen, given up otherwise. More than one call does nothing. */
  end(): void;
}

/** Brings blocks that are read whole back to memory, where there is room for them. */
export class Promoter {
  readonly #parts: PromoterParts;
  #bytes = 0;

  constructor(parts: PromoterParts) {
    this.#parts = parts;
  }

  /** @returns null when the block is in memory, or there is no room. */
  begin(slot: number, head: Uint8Array, sections: number): Promotion | null {
    const place = this.#reserve(slot);
    if (!place) return null;
    const object = new Uint8Array(place.objectBytes);
    object.set(head);
    let missing = sections;
    let open = true;
    return {
      section: (section, bytes) => {
        if (!open) return;
        object.set(bytes, section.offset);
        missing -= 1;
      },
      end: () => {
        if (!open) return;
        open = false;
        place.release();
        if (missing === 0) this.#install(slot, object);
      },
    };
  }

  /** Reads a whole block at once: from an object store one request for all beats one for each layer. */
  async fetch(slot: number, namespace: Namespace): Promise<void> {
    const { blocks, checksum, copies } = this.#parts;
    const place = this.#reserve(slot);
    if (!place) return;
    const expected = { namespace, seqKey: blocks.keyOf(slot) };
    const check = (bytes: Uint8Array) => void verifyBlock(bytes, { expected, checksum });
    const result = await copies.read(slot, { offset: 0, length: place.objectBytes, check });
    place.release();
    if (result.kind === 'ok') this.#install(slot, Uint8Array.from(result.bytes));
  }

  #install(slot: number, object: Uint8Array): void {
    const { blocks, observer, ram, residence } = this.#parts;
    if (blocks.inTier(slot, RAM) || blocks.tiersOf(slot) === 0) return;
    const key = blocks.keyOf(slot);
    if (residence.removal(RAM, key) || ram.usedBytes + object.length > ram.limitBytes) return;
    ram.adopt(key, object);
    residence.publish(slot, RAM);
    observer.counted('promoted_blocks', 1, {});
  }

  #reserve(slot: number): { objectBytes: number; release: () => void } | null {
    const { blocks, evictor, namespaces, ram } = this.#parts;
    const objectBytes = blocks.bytesOf(slot);
    if (blocks.inTier(slot, RAM) || this.#bytes + objectBytes > PROMOTION_SHARE * ram.limitBytes) return null;
    const record = namespaces.record(blocks.namespaceOf(slot));
    try {
      evictor.reserveMemory(objectBytes, record);
    } catch {
      return null;
    }
    this.#bytes += objectBytes;
    const release = () => {
      this.#bytes -= objectBytes;
      evictor.releaseMemory(objectBytes, record);
    };
    return { objectBytes, release };
  }
}
