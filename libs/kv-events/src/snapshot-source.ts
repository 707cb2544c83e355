import type { BlockEvent, BlockEventBatch, ViewedBlock } from '@longhaul/kv-core';
import type { EventBus } from '@longhaul/platform-kafka';
import { SNAPSHOT_TOPIC } from './event-topics.js';
import { type OwnerState, readSnapshotRecord, type SnapshotEntry } from './snapshot-records.js';

/** Where a follower gets an owner's snapshot: the compacted topic, or the store itself. */
export interface SnapshotSource {
  /** The owner's blocks as batches of a snapshot, the last one with `snapshotEnd`; empty when there is none yet. */
  snapshot(place: OwnerPlace, signal: AbortSignal): Promise<readonly BlockEventBatch[]>;
  /** The owners of some partitions of the events topic, as far as the source knows them. */
  owners(partitions: readonly number[], signal: AbortSignal): Promise<readonly OwnerPlace[]>;
}

export interface OwnerPlace {
  readonly owner: string;
  /** Of the events topic. */
  readonly partition: number;
}

/** Snapshots out of the compacted topic: followers start and resync without a call to any store. */
export class CompactedSnapshots implements SnapshotSource {
  readonly #bus: EventBus;
  constructor(bus: EventBus) {
    this.#bus = bus;
  }

  async snapshot({ owner, partition }: OwnerPlace, signal: AbortSignal): Promise<readonly BlockEventBatch[]> {
    const blocks = new Map<string, { epoch: bigint; block: ViewedBlock }>();
    let state: OwnerState | undefined;
    await this.#read([partition], signal, (entry, key) => {
      if (entry.kind === 'owner') state = entry.state.owner === owner ? entry.state : state;
      else if (entry.owner !== owner) return;
      else if (entry.kind === 'gone') blocks.delete(key);
      else blocks.set(key, { epoch: entry.storeEpoch, block: entry.block });
    });
    if (!state) return [];
    const { storeEpoch, nextSequence } = state;
    const present = [...blocks.values()].filter(({ epoch }) => epoch === storeEpoch);
    const events = present.flatMap(({ block }) => storedEvents(block, nextSequence - 1n));
    const flags = { snapshot: true, snapshotEnd: true, gap: false };
    return [{ owner, storeEpoch, firstSequence: nextSequence, events, ...flags }];
  }

  async owners(partitions: readonly number[], signal: AbortSignal): Promise<readonly OwnerPlace[]> {
    const found = new Map<string, OwnerPlace>();
    await this.#read(partitions, signal, (entry, _, partition) => {
      if (entry.kind === 'owner') found.set(entry.state.owner, { owner: entry.state.owner, partition });
    });
    return [...found.values()];
  }

  async #read(
    partitions: readonly number[],
    signal: AbortSignal,
    take: (entry: SnapshotEntry, key: string, partition: number) => void,
  ): Promise<void> {
    if (partitions.length === 0) return;
    await this.#bus.readToEnd({
      topic: SNAPSHOT_TOPIC,
      partitions,
      signal,
      handler: (event) => {
        const entry = readSnapshotRecord(event);
        if (entry) take(entry, Buffer.from(event.key).toString('latin1'), event.partition);
      },
    });
  }
}

function storedEvents({ tiers, key, ...block }: ViewedBlock, sequence: bigint): BlockEvent[] {
  return tiers.map((tier) => ({ kind: 'stored', sequence, ...block, keys: [key], tier }));
}
