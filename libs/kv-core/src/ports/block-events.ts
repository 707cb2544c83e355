import type { QualityClass } from '../quality.js';
import type { Tier } from '../tier.js';

/** What changed in a store. Salted keys only, never tokens. */
export type BlockEvent =
  | {
      readonly kind: 'stored';
      readonly sequence: bigint;
      readonly namespaceId: Uint8Array;
      readonly keys: readonly Uint8Array[];
      readonly parentKey: Uint8Array;
      readonly firstBlock: number;
      readonly blockTokens: number;
      readonly tier: Tier;
      readonly quality: QualityClass;
    }
  | {
      readonly kind: 'removed';
      readonly sequence: bigint;
      readonly namespaceId: Uint8Array;
      readonly keys: readonly Uint8Array[];
      /** The tier it left; a block may still be in others. */
      readonly tier: Tier;
    }
  | {
      readonly kind: 'cleared';
      readonly sequence: bigint;
      /** Null: every namespace. */
      readonly namespaceId: Uint8Array | null;
    };

export interface BlockEventBatch {
  /** Who publishes; sequences count per owner and epoch. */
  readonly owner: string;
  readonly storeEpoch: bigint;
  readonly firstSequence: bigint;
  readonly events: readonly BlockEvent[];
  readonly snapshot: boolean;
  readonly snapshotEnd: boolean;
  /** Events before `firstSequence` are gone: take a snapshot. */
  readonly gap: boolean;
}
