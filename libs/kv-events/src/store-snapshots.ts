import { AppError } from '@longhaul/kernel';
import { type BlockEventBatch, type BlockStore, FORMAT_MAJOR, type Namespace } from '@longhaul/kv-core';
import type { OwnerPlace, SnapshotSource } from './snapshot-source.js';

const RAW_CODEC = 0;

export interface StoreSnapshotsOptions {
  /** The store of an owner, for instance a client of it; undefined for owners that are not known here (yet). */
  storeOf(owner: string): Pick<BlockStore, 'handshake' | 'snapshot'> | undefined;
  /** What to ask for: a store tells a namespace to those who know it, and there is no list of all. */
  readonly namespaces: readonly Namespace[];
  /** Name of this follower in handshakes. */
  readonly workerId: string;
}

/**
 * Snapshots from the stores themselves, over their `Snapshot` call: no snapshot topic is needed, and what is asked for
 * is as new as can be. Owners are not listed: their events and heartbeats tell of them. Blocks of other namespaces than
 * the given ones are missing until an event tells of them.
 */
export class StoreSnapshots implements SnapshotSource {
  readonly #options: StoreSnapshotsOptions;
  constructor(options: StoreSnapshotsOptions) {
    this.#options = options;
  }

  /** @throws AppError of the call; `KV_STORE_RESTARTED` when the store began a new epoch between two namespaces. */
  async snapshot({ owner }: OwnerPlace, signal: AbortSignal): Promise<readonly BlockEventBatch[]> {
    const store = this.#options.storeOf(owner);
    if (!store) return [];
    const batches: BlockEventBatch[] = [];
    const { workerId } = this.#options;
    for (const namespace of this.#options.namespaces) {
      await store.handshake({ namespace, formatVersions: [FORMAT_MAJOR], codecs: [RAW_CODEC], workerId }, { signal });
      for await (const batch of store.snapshot(namespace, { signal })) batches.push(batch);
    }
    return joined(owner, batches);
  }

  owners(): Promise<readonly OwnerPlace[]> {
    return Promise.resolve([]);
  }
}

/**
 * One snapshot of several: the events are followed from the earliest of their numbers. Those that a later one already
 * contains are applied again, which changes nothing in the end.
 */
function joined(owner: string, batches: readonly BlockEventBatch[]): readonly BlockEventBatch[] {
  const [first] = batches;
  if (!first) return [];
  const { storeEpoch } = first;
  const other = batches.find((batch) => batch.owner !== owner || batch.storeEpoch !== storeEpoch);
  if (other) {
    throw new AppError({
      code: 'ABORTED',
      reason: other.owner === owner ? 'KV_STORE_RESTARTED' : 'KV_STORE_OTHER_OWNER',
      message: `The snapshot of ${owner} is in part one of ${other.owner}, epoch ${other.storeEpoch}.`,
      retry: 'same',
    });
  }
  const firstSequence = batches.reduce(
    (least, batch) => (batch.firstSequence < least ? batch.firstSequence : least),
    first.firstSequence,
  );
  return batches.map((batch, index) => ({ ...batch, firstSequence, snapshotEnd: index === batches.length - 1 }));
}
