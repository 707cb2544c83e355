import type { TokenIds } from '../keys/block-keys.js';
import type { Namespace } from '../namespace.js';
import type { QualityClass } from '../quality.js';
import type { RawGeometry } from './raw-geometry.js';

/** Everything that a raw block says of itself, its K and V apart. */
export interface BlockSpec {
  readonly namespace: Namespace;
  readonly geometry: RawGeometry;
  /** Key of this block and of the one before (the root key for the first), 32 bytes each. */
  readonly seqKey: Uint8Array;
  readonly parentKey: Uint8Array;
  /** Position of the first token in its sequence. */
  readonly firstPosition: number;
  /** 1 to `geometry.blockTokens`. */
  readonly tokens: TokenIds;
  readonly quality: QualityClass;
  readonly createdUnixMs: number;
  readonly producerId: bigint;
  /** Beyond 2^32 - 1 it is written as that. */
  readonly recomputeMicros: number;
}
