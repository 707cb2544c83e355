import {
  compareTokens,
  kvErrors,
  layerSectionKinds,
  readHead,
  requireImportable,
  SectionKind,
  verifyDigest,
  verifyMac,
  verifySection,
  type BlockHead,
  type BlockSection,
} from '@longhaul/kv-core';
import type { BlockChain } from './block-chain.js';
import type { SectionBuffers } from './section-buffers.js';
import type { PrefixStoreOptions } from './store-options.js';

/** What a block has of one layer, verified, in the order of `layerSectionKinds`; the receiver gives the buffers back. */
export interface LoadedLayer {
  readonly layer: number;
  readonly sections: readonly Uint8Array[];
}

interface PartialSection {
  readonly bytes: Uint8Array;
  received: number;
}

/**
 * One block as it arrives. Nothing of it is handed on before it has been checked: head, signature and identity when
 * the head comes, tokens before any KV, checksum and digest of a section when it is whole.
 */
export class IncomingBlock {
  readonly #chain: BlockChain;
  readonly #block: number;
  readonly #options: PrefixStoreOptions;
  readonly #buffers: SectionBuffers;
  readonly #partial = new Map<number, PartialSection>();
  /** Sections of layers that are not whole yet. */
  readonly #parts = new Map<number, Map<number, Uint8Array>>();
  readonly #kinds: readonly number[];
  #head: BlockHead | null = null;
  #tokensSeen = false;
  #layers = 0;

  constructor(chain: BlockChain, block: number, parts: { options: PrefixStoreOptions; buffers: SectionBuffers }) {
    this.#chain = chain;
    this.#block = block;
    this.#options = parts.options;
    this.#buffers = parts.buffers;
    this.#kinds = layerSectionKinds(parts.options.geometry);
  }

  /** Tokens and every layer have been seen and were sound. */
  get complete(): boolean {
    return this.#tokensSeen && this.#layers === this.#options.geometry.layerEnd;
  }

  /** @throws AppError `KV_CORRUPT`, `KV_INCOMPLETE`, `KV_NAMESPACE_MISMATCH`, `KV_UNSUPPORTED`. */
  takeHead(bytes: Uint8Array): void {
    if (this.#head !== null) throw kvErrors.corrupt('section_twice', 'The head of a block came twice.');
    const { geometry } = this.#options;
    const head = readHead(bytes, {
      namespace: this.#chain.space.namespace,
      seqKey: this.#chain.key(this.#block),
      parentKey: this.#chain.parentKey(this.#block),
    });
    verifyMac(head, this.#chain.space.macKey);
    requireImportable(head, geometry);
    const { header } = head;
    const placed = header.firstPosition === this.#block * geometry.blockTokens;
    if (!placed || header.tokenCount !== geometry.blockTokens) {
      throw kvErrors.unsupported('geometry', 'The block is not a full one of this position.');
    }
    if (header.quality !== this.#chain.quality(this.#block)) {
      throw kvErrors.unsupported('codec', 'The block is of another quality class than its key.');
    }
    this.#head = head;
  }

  /**
   * Takes bytes of a section, which must come in order; they are copied.
   *
   * @returns the layer that is now whole, if one is.
   */
  takeData(index: number, offset: number, bytes: Uint8Array): LoadedLayer | null {
    const section = this.#head?.sections[index];
    if (section === undefined) throw kvErrors.corrupt('section_bounds', 'Data came for no section of the block.');
    const partial = this.#partialOf(section);
    if (offset !== partial.received || offset + bytes.length > partial.bytes.length) {
      throw kvErrors.corrupt('section_bounds', `Data of section ${index} came out of order.`);
    }
    partial.bytes.set(bytes, offset);
    partial.received += bytes.length;
    return partial.received < partial.bytes.length ? null : this.#whole(section, partial.bytes);
  }

  #partialOf(section: BlockSection): PartialSection {
    const found = this.#partial.get(section.index);
    if (found !== undefined) return found;
    const fresh = { bytes: this.#buffers.take(section.storedBytes), received: 0 };
    this.#partial.set(section.index, fresh);
    return fresh;
  }

  #whole(section: BlockSection, bytes: Uint8Array): LoadedLayer | null {
    verifySection(section, bytes, this.#options.checksum);
    verifyDigest(section, bytes);
    // From here on the entry only says that the section has come.
    this.#partial.set(section.index, { bytes: NOTHING, received: 0 });
    const { kind, layer } = section;
    if (kind === SectionKind.tokenIds) {
      if (!compareTokens(bytes, this.#chain.tokens(this.#block))) {
        throw kvErrors.corrupt('sequence_key', 'The block has other tokens than its key says.');
      }
      this.#tokensSeen = true;
    }
    if (!this.#kinds.includes(kind)) {
      this.#buffers.give(bytes);
      return null;
    }
    if (!this.#tokensSeen) throw kvErrors.incomplete('section_missing', 'KV came before the tokens of its block.');
    return this.#collect(kind, layer, bytes);
  }

  /** The sections of a layer may come in any order. */
  #collect(kind: number, layer: number, bytes: Uint8Array): LoadedLayer | null {
    const parts = this.#parts.get(layer) ?? new Map<number, Uint8Array>();
    this.#parts.set(layer, parts.set(kind, bytes));
    if (parts.size < this.#kinds.length) return null;
    this.#parts.delete(layer);
    this.#layers++;
    return { layer, sections: this.#kinds.map((each) => parts.get(each) ?? NOTHING) };
  }
}

const NOTHING = new Uint8Array(0);
