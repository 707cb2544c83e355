import { u16Column, u32Column, u8Column, type Column } from './column.js';

/** What the index keeps of each block beside its key: 33 bytes. */
export class BlockColumns {
  /** `handle + 1`, 0: none. Of a free slot: the next free one, in the same way. */
  readonly parent = u32Column();
  readonly children = u32Column();
  /** Number of the block in its chain. */
  readonly depth = u32Column();
  readonly bytes = u32Column();
  readonly costMicros = u32Column();
  readonly deployEpoch = u32Column();
  readonly namespace = u16Column();
  readonly frequency = u16Column();
  readonly leases = u16Column();
  readonly tiers = u8Column();
  /** 0: the slot is free. */
  readonly quality = u8Column();
  /** Bit 0: visible; bits 1 and 2: pin. */
  readonly state = u8Column();

  readonly #all: readonly Column[] = [
    this.parent,
    this.children,
    this.depth,
    this.bytes,
    this.costMicros,
    this.deployEpoch,
    this.namespace,
    this.frequency,
    this.leases,
    this.tiers,
    this.quality,
    this.state,
  ];

  get byteLength(): number {
    return this.#all.reduce((sum, column) => sum + column.bytes, 0);
  }

  reserve(slots: number): void {
    for (const column of this.#all) column.reserve(slots);
  }
}
