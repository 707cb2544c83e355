/** `KVBK`, then a line end of each kind and a zero: a copy in text mode damages it. */
export const MAGIC = Uint8Array.of(0x4b, 0x56, 0x42, 0x4b, 0x0d, 0x0a, 0x1a, 0x00);

/**
 * A reader refuses another major version and ignores what a later minor one adds. Version 2 has the keys of chain
 * version 2; its bytes are laid out as those of version 1.
 */
export const FORMAT_MAJOR = 2;

/** Minor version 0: digests are the first 16 bytes of SHA-256. */
export const FORMAT_MINOR = 0;

export const HEADER_BYTES = 256;
export const SECTION_ENTRY_BYTES = 64;
export const MAC_BYTES = 32;
export const DIGEST_BYTES = 16;

/** Head and sections start at multiples of this, for direct I/O. */
export const SECTION_ALIGNMENT = 4096;

/** `layer` of a section that belongs to no layer. */
export const ALL_LAYERS = 0xffff;

/** Bits of the header's flags. */
export const HeaderFlag = {
  mac: 1,
  digests: 2,
  encrypted: 4,
  keysBeforeRope: 8,
  partial: 16,
  positions: 32,
  pageMetadata: 64,
  sparse: 128,
} as const;

export const KNOWN_FLAGS = 255;

/** Bit of a section's flags: a reader that does not know its kind may skip it. */
export const SECTION_OPTIONAL = 1;

/**
 * What a section holds. The reader of this package decodes key, value, their scales in raw blocks, tokenIds, positions
 * and subChecksums. `valueScale` holds inverse scales: a value is its byte over that.
 */
export const SectionKind = {
  key: 1,
  value: 2,
  keyScale: 3,
  keyZero: 4,
  valueScale: 5,
  valueZero: 6,
  tokenIds: 7,
  positions: 8,
  pageMinMax: 9,
  pageMean: 10,
  subChecksums: 22,
} as const;

/** A section of another kind is passed over where it says that it is optional, and else a reason to refuse the block. */
export const SECTION_KINDS: ReadonlySet<number> = new Set(Object.values(SectionKind));

/** How one element is written. `none` for sections that hold no tensor. Keys in `u8` are offset by 128. */
export const BlockDtype = {
  ...{ none: 0, bf16: 1, f16: 2, f32: 3, e4m3: 4, e5m2: 5, u8: 6, u4: 7, u2: 8 },
  i8: 9,
} as const;
export type BlockDtype = (typeof BlockDtype)[keyof typeof BlockDtype];

/** Bits of one element, by dtype number. */
export const DTYPE_BITS: readonly number[] = [0, 16, 16, 32, 8, 8, 8, 4, 2, 8];

/** How K or V is coded. Only `raw` is built. */
export const BlockCodec = {
  raw: 0,
  quantToken: 1,
  quantChannel: 2,
  gear: 3,
  think: 4,
  miniCache: 5,
  cacheGenM: 6,
  cacheGenP: 7,
  rans: 8,
} as const;

/** Order of elements in a K or V section. Only `headMajor`, `[kv_head][token][dim]`, is built. */
export const BlockLayout = { headMajor: 1, tokenMajor: 2, mla: 3 } as const;

/** Whether cached keys have been rotated. */
export const RopeMode = { after: 0, before: 1, none: 2, partial: 3 } as const;
export type RopeMode = (typeof RopeMode)[keyof typeof RopeMode];

export const AttentionKind = { full: 0, window: 1, mla: 2, state: 3 } as const;
export type AttentionKind = (typeof AttentionKind)[keyof typeof AttentionKind];

/** The next multiple of the section alignment. */
export function alignSection(bytes: number): number {
  return Math.ceil(bytes / SECTION_ALIGNMENT) * SECTION_ALIGNMENT;
}
