import type { BlockEvent, BlockEventBatch, PrefixIndex } from '@longhaul/kv-core';
import { BATCH_EVENTS, type EventLog } from '../events/index.js';
import type { StoreClock } from '../ports.js';
import { tierName, type TierSet } from '../tiers/index.js';
import type { NamespaceRecord } from './namespaces.js';
import type { Residence } from './residence.js';

export interface SnapshotParts {
  readonly blocks: PrefixIndex;
  readonly residence: Pick<Residence, 'describe'>;
  readonly tiers: Pick<TierSet, 'count'>;
  readonly events: Pick<EventLog, 'append' | 'batch' | 'nextSequence'>;
  readonly clock: StoreClock;
}

/** What is where now, told as events. */
export class Snapshots {
  readonly #parts: SnapshotParts;
  constructor(parts: SnapshotParts) {
    this.#parts = parts;
  }

  /**
   * Every visible copy as stored events. All carry the number of the last event at the start; the last batch's
   * `firstSequence` is where to watch from: what happens meanwhile is told again there.
   */
  *batches(record: NamespaceRecord, deployEpoch: number): Generator<BlockEventBatch> {
    const { blocks, events } = this.#parts;
    const from = events.nextSequence;
    let batch: BlockEvent[] = [];
    for (let slot = 0; slot < blocks.handleLimit; slot++) {
      if (blocks.namespaceOf(slot) !== record.ordinal || blocks.deployEpochOf(slot) !== deployEpoch) continue;
      batch.push(...this.#copies(slot, record.id, from - 1n));
      if (batch.length < BATCH_EVENTS) continue;
      yield events.batch(batch, { firstSequence: from, snapshot: true });
      batch = [];
    }
    yield events.batch(batch, { firstSequence: from, snapshot: true, snapshotEnd: true });
  }

  /**
   * Tells what a namespace had in the tiers when the store started. Storage keeps only a tag of the namespace, so that
   * nobody could be told before a handshake named it; blocks that come to light later tell themselves. Goes on in
   * pieces, so that a large namespace holds nobody up; what is evicted meanwhile is not told any more.
   */
  async tellRecovered(record: NamespaceRecord, deployEpoch: number, stopped: () => boolean): Promise<void> {
    if (record.objects.every((objects) => objects === 0)) return;
    for (const { events, snapshotEnd } of this.batches(record, deployEpoch)) {
      if (stopped()) return;
      for (const event of events) this.#parts.events.append(event);
      if (!snapshotEnd) await this.#turn();
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => void this.#parts.clock.after(0, resolve, 'background'));
  }

  #copies(slot: number, namespaceId: Uint8Array | null, sequence: bigint): BlockEvent[] {
    const { blocks, residence, tiers } = this.#parts;
    const copies: BlockEvent[] = [];
    if (!namespaceId) return copies;
    for (let tier = 0; tier < tiers.count; tier++) {
      if (!blocks.inTier(slot, tier)) continue;
      const about = { namespaceId, keys: [blocks.keyOf(slot)], ...residence.describe(slot), tier: tierName(tier) };
      copies.push({ kind: 'stored', sequence, ...about });
    }
    return copies;
  }
}
