import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { kvstoreV1 } from '@longhaul/contracts';
import { type BlockEvent, QualityClass } from '@longhaul/kv-core';
import { toEventBatch } from '@longhaul/kv-wire';
import { InProcessBus } from '@longhaul/platform-kafka';
import { BlockEventSubscriber, CompactedSnapshots, EVENTS_TOPIC, eventTopics, ownerRecord } from '../src/index.js';
import { blockRecord, SNAPSHOT_TOPIC } from '../src/index.js';

const log = { info: () => undefined, warning: () => undefined, failure: () => undefined };
const OWNER = 'worker-3';
const EPOCH = 5n;
const namespaceId = new Uint8Array(32).fill(9);

function keyOf(block: number): Uint8Array {
  return new Uint8Array(32).fill(block);
}

function stored(block: number, sequence: bigint): BlockEvent {
  const about = { firstBlock: block, blockTokens: 16, quality: QualityClass.exact, tier: 'ram' } as const;
  return { kind: 'stored', sequence, namespaceId, keys: [keyOf(block)], parentKey: keyOf(0), ...about };
}

describe('a follower of block events', () => {
  let bus: InProcessBus;
  let follower: BlockEventSubscriber;
  const resyncs: string[] = [];

  beforeEach(async () => {
    resyncs.length = 0;
    bus = new InProcessBus({ log });
    await bus.declareTopics(eventTopics({ partitions: 2, replication: 1, retentionMs: 60_000 }));
    const observer = { resync: (reason: string) => void resyncs.push(reason) };
    const source = new CompactedSnapshots(bus);
    await tellSnapshot([1, 2], 3n);
    follower = new BlockEventSubscriber({ bus, group: 'f', source, maxHeldBatches: 100, observer, log });
    await follower.ready;
    await until(() => blocks().length === 2);
  });

  afterEach(async () => {
    await follower.stop();
    await bus.close();
  });

  /** What the snapshot topic has of the owner: these blocks, as of an event number. */
  async function tellSnapshot(present: readonly number[], nextSequence: bigint): Promise<void> {
    for (const block of present) {
      const chain = { parentKey: keyOf(0), firstBlock: block, blockTokens: 16, quality: QualityClass.exact };
      const record = blockRecord(OWNER, EPOCH, { namespaceId, key: keyOf(block), ...chain, tiers: ['ram'] });
      await bus.publish(SNAPSHOT_TOPIC, record);
    }
    await bus.publish(SNAPSHOT_TOPIC, ownerRecord({ owner: OWNER, storeEpoch: EPOCH, nextSequence }));
  }

  async function tell(event: BlockEvent): Promise<void> {
    const flags = { snapshot: false, snapshotEnd: false, gap: false };
    const batch = { owner: OWNER, storeEpoch: EPOCH, firstSequence: event.sequence, events: [event], ...flags };
    const value = kvstoreV1.EventBatch.encode(toEventBatch(batch)).finish();
    await bus.publish(EVENTS_TOPIC, { key: Buffer.from(OWNER), value });
  }

  function blocks(): number[] {
    const owner = follower.owners().find((each) => each.owner === OWNER && each.synced);
    return owner ? [...owner.view.entries()].map(({ firstBlock }) => firstBlock).sort() : [];
  }

  async function until(holds: () => boolean): Promise<void> {
    for (let turn = 0; turn < 1000 && !holds(); turn++) await delay(10);
    expect(holds()).toBe(true);
  }

  it('starts from the snapshot and applies what comes after it', async () => {
    await tell(stored(3, 3n));
    await until(() => blocks().length === 3);
    expect(blocks()).toEqual([1, 2, 3]);
  });

  it('takes another snapshot where numbers are missing', async () => {
    await tellSnapshot([1, 2, 3, 4], 5n);
    await tell(stored(5, 5n));
    await until(() => blocks().length === 5);
    expect(resyncs).toContain('gap');
  });

  it('is without records to take once it has caught up', async () => {
    await tell(stored(3, 3n));
    await until(() => blocks().length === 3 && follower.lagRecords === 0);
  });
});
