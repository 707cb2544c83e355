import type { QualityClass } from '../quality.js';

/** The first 256 bytes of a block, as numbers. Ranges are half open. Little-endian in the file. */
export interface BlockHeader {
  readonly versionMinor: number;
  /** 256; a later minor version may have more. */
  readonly headerBytes: number;
  /** Bits of `HeaderFlag`. */
  readonly flags: number;
  readonly sectionCount: number;
  /** The whole object, padding included. */
  readonly objectBytes: number;
  /** 32 bytes each. */
  readonly modelFingerprint: Uint8Array;
  readonly seqKey: Uint8Array;
  readonly parentKey: Uint8Array;
  /** First 16 bytes of the namespace's id. */
  readonly tenantTag: Uint8Array;
  /** Position of the first token in its sequence. */
  readonly firstPosition: number;
  /** Tokens in this block, 1 to `blockTokens`. */
  readonly tokenCount: number;
  readonly blockTokens: number;
  readonly layerBegin: number;
  readonly layerEnd: number;
  readonly kvHeadBegin: number;
  readonly kvHeadEnd: number;
  /** 0: all KV heads, readable at any tensor parallelism. */
  readonly tpSize: number;
  readonly tpRank: number;
  readonly headDimK: number;
  readonly headDimV: number;
  /** Numbers of `BlockDtype`, `BlockCodec`, `BlockLayout`, `RopeMode` and `AttentionKind`. */
  readonly dtypeK: number;
  readonly dtypeV: number;
  readonly codecK: number;
  readonly codecV: number;
  readonly layout: number;
  readonly ropeMode: number;
  readonly attention: number;
  readonly quality: QualityClass;
  /** Tokens of a quantisation group, 0 without. */
  readonly groupK: number;
  readonly groupV: number;
  /** Sliding window in tokens, 0 without. */
  readonly window: number;
  /** Measured relative error of the codec, parts per million. */
  readonly errorPpm: number;
  readonly createdUnixMs: number;
  /** The worker that computed it, for quarantine. */
  readonly producerId: bigint;
  /** Measured cost of computing it anew, microseconds; at most 2^32 - 1. */
  readonly recomputeMicros: number;
  readonly deployEpoch: number;
  readonly tableCrc32c: number;
}

/** One entry of the section table. */
export interface BlockSection {
  readonly index: number;
  /** Number of `SectionKind`, or an unknown optional one. */
  readonly kind: number;
  /** `ALL_LAYERS` when it belongs to none. */
  readonly layer: number;
  readonly codec: number;
  readonly dtype: number;
  readonly optional: boolean;
  /** From the start of the object. */
  readonly offset: number;
  readonly storedBytes: number;
  /** Before the codec. */
  readonly rawBytes: number;
  /** Over the stored bytes. */
  readonly crc32c: number;
  readonly aux: number;
  /** First 16 bytes of SHA-256 of the stored bytes; zero when the block has no digests. */
  readonly digest: Uint8Array;
}

/** Everything before the first section, checked. */
export interface BlockHead {
  readonly header: BlockHeader;
  readonly sections: readonly BlockSection[];
  /** Header, table, MAC and padding: where sections may begin. */
  readonly headBytes: number;
  /** A copy of header and table, which the MAC covers. */
  readonly signedBytes: Uint8Array;
  /** 32 bytes; zero when the block has none. */
  readonly mac: Uint8Array;
}
