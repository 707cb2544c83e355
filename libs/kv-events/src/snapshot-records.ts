import { kvstoreEventsV1 } from '@longhaul/contracts';
import type { ViewedBlock } from '@longhaul/kv-core';
import { asBuffer, fromQuality, fromTier, toQuality, toTier } from '@longhaul/kv-wire';
import type { EventRecord, ReceivedEvent } from '@longhaul/platform-kafka';

const OWNER_KEY = 1;
const BLOCK_KEY = 2;
const NAME_BYTES = 32;

/** How far the blocks' records of an owner go. */
export interface OwnerState {
  readonly owner: string;
  readonly storeEpoch: bigint;
  readonly nextSequence: bigint;
}

/** A record of the snapshot topic, decoded. `gone` is what a tombstone says. */
export type SnapshotEntry =
  | { readonly kind: 'owner'; readonly state: OwnerState }
  | { readonly kind: 'block'; readonly owner: string; readonly storeEpoch: bigint; readonly block: ViewedBlock }
  | { readonly kind: 'gone'; readonly owner: string; readonly namespaceId: Uint8Array; readonly key: Uint8Array };

export function ownerRecord(state: OwnerState): EventRecord {
  const record = { $case: 'ownerState' as const, value: { ...state } };
  return { ...placed(OWNER_KEY, state.owner), value: kvstoreEventsV1.SnapshotRecord.encode({ record }).finish() };
}

export function blockRecord(owner: string, storeEpoch: bigint, block: ViewedBlock): EventRecord {
  const value = {
    owner,
    storeEpoch,
    namespaceId: asBuffer(block.namespaceId),
    key: asBuffer(block.key),
    parentKey: asBuffer(block.parentKey),
    firstBlock: block.firstBlock,
    blockTokens: block.blockTokens,
    tiers: block.tiers.map(toTier),
    quality: toQuality(block.quality),
  };
  const bytes = kvstoreEventsV1.SnapshotRecord.encode({ record: { $case: 'blockState', value } }).finish();
  return { ...placed(BLOCK_KEY, owner, block.namespaceId, block.key), value: bytes };
}

/** Removes a block from the topic. */
export function tombstone(owner: string, namespaceId: Uint8Array, key: Uint8Array): EventRecord {
  return { ...placed(BLOCK_KEY, owner, namespaceId, key), value: null };
}

/** @returns undefined for what is no record of this version. */
export function readSnapshotRecord({ key, value }: ReceivedEvent): SnapshotEntry | undefined {
  if (value === null) return readTombstone(asBuffer(key));
  let message: kvstoreEventsV1.SnapshotRecord;
  try {
    message = kvstoreEventsV1.SnapshotRecord.decode(value);
    switch (message.record?.$case) {
      case 'ownerState':
        return { kind: 'owner', state: message.record.value };
      case 'blockState': {
        const { owner, storeEpoch, tiers, quality, ...rest } = message.record.value;
        const block = { ...rest, tiers: tiers.map(fromTier), quality: fromQuality(quality) };
        return { kind: 'block', owner, storeEpoch, block };
      }
      case undefined:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

/** `kind, length of owner, owner [, namespace id, key]`; the owner also decides the partition. */
function placed(
  kind: number,
  owner: string,
  ...names: readonly Uint8Array[]
): { key: Uint8Array; partitionKey: Uint8Array } {
  const name = Buffer.from(owner);
  const head = Buffer.alloc(3);
  head.writeUInt8(kind, 0);
  head.writeUInt16BE(name.length, 1);
  return { key: Buffer.concat([head, name, ...names]), partitionKey: name };
}

function readTombstone(key: Buffer): SnapshotEntry | undefined {
  if (key.length < 3 || key.readUInt8(0) !== BLOCK_KEY) return undefined;
  const end = 3 + key.readUInt16BE(1);
  if (key.length !== end + 2 * NAME_BYTES) return undefined;
  const namespaceId = key.subarray(end, end + NAME_BYTES);
  return { kind: 'gone', owner: key.toString('utf8', 3, end), namespaceId, key: key.subarray(end + NAME_BYTES) };
}
