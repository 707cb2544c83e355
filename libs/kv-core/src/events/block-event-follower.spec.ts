import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { BlockEvent, BlockEventBatch } from '../ports/block-events.js';
import { QualityClass } from '../quality.js';
import { TIERS, type Tier } from '../tier.js';
import { BlockEventFollower, type FollowerOptions } from './block-event-follower.js';
import { BlockView } from './block-view.js';

const NAMESPACE = new Uint8Array(32).fill(7);
const OPTIONS: FollowerOptions = { maxHeldBatches: 100, continuity: 'sequence' };

function key(index: number): Uint8Array {
  return new Uint8Array(32).fill(index);
}

function stored(sequence: number, block: number, tier: Tier = 'ram'): BlockEvent {
  return {
    kind: 'stored',
    sequence: BigInt(sequence),
    namespaceId: NAMESPACE,
    keys: [key(block)],
    parentKey: key(0),
    firstBlock: 0,
    blockTokens: 16,
    tier,
    quality: QualityClass.exact,
  };
}

function removed(sequence: number, block: number, tier: Tier = 'ram'): BlockEvent {
  return { kind: 'removed', sequence: BigInt(sequence), namespaceId: NAMESPACE, keys: [key(block)], tier };
}

function batch(first: number, events: BlockEvent[], more: Partial<BlockEventBatch> = {}): BlockEventBatch {
  const flags = { snapshot: false, snapshotEnd: false, gap: false };
  return { owner: 'store-0', storeEpoch: 1n, firstSequence: BigInt(first), events, ...flags, ...more };
}

/** A follower that has taken an empty snapshot and waits for event 1. */
function synced(options = OPTIONS): BlockEventFollower {
  const follower = new BlockEventFollower('store-0', options);
  follower.beginSnapshot();
  follower.acceptSnapshot(batch(1, [], { snapshot: true, snapshotEnd: true }));
  return follower;
}

describe('a block event follower', () => {
  it('takes a snapshot before it believes anything of an owner', () => {
    const follower = new BlockEventFollower('store-0', OPTIONS);
    expect(follower.accept(batch(5, [stored(5, 1)]))).toEqual({ kind: 'resync', reason: 'unknown' });
    expect(follower.synced).toBe(false);
    expect(follower.view.size).toBe(0);
  });

  it('applies events in order and keeps every tier that a block is in', () => {
    const follower = synced();
    follower.accept(batch(1, [stored(1, 1), stored(2, 1, 'disk')]));
    follower.accept(batch(3, [removed(3, 1)]));
    expect(follower.view.place(NAMESPACE, key(1))?.tiers).toEqual(['disk']);
    follower.accept(batch(4, [removed(4, 1, 'disk')]));
    expect(follower.view.place(NAMESPACE, key(1))).toBeUndefined();
    expect(follower.view.size).toBe(0);
  });

  it('applies nothing twice, not even the known part of a batch', () => {
    const follower = synced();
    follower.accept(batch(1, [stored(1, 1), removed(2, 1)]));
    const again = follower.accept(batch(1, [stored(1, 1), removed(2, 1), stored(3, 2)]));
    expect(again).toEqual({ kind: 'applied', applied: 1, repeated: 2 });
    expect(follower.view.size).toBe(1);
  });

  it('resyncs on a hole in the numbers and continues where the snapshot ends', () => {
    const follower = synced();
    expect(follower.accept(batch(4, [stored(4, 4)]))).toEqual({ kind: 'resync', reason: 'gap' });
    expect(follower.accept(batch(5, [stored(5, 5)]))).toEqual({ kind: 'held' });
    follower.beginSnapshot();
    follower.acceptSnapshot(batch(5, [stored(4, 2)], { snapshot: true }));
    const end = follower.acceptSnapshot(batch(5, [stored(4, 4)], { snapshot: true, snapshotEnd: true }));
    expect(end).toEqual({ kind: 'applied', applied: 1, repeated: 1 });
    expect([2, 4, 5].map((block) => follower.view.place(NAMESPACE, key(block)) !== undefined)).toEqual([
      true,
      true,
      true,
    ]);
    expect(follower.place).toEqual({ epoch: 1n, next: 6n });
  });

  it('learns from an empty batch that the last events were lost', () => {
    const follower = synced();
    expect(follower.accept(batch(9, [], { gap: true }))).toEqual({ kind: 'resync', reason: 'gap' });
  });

  it('takes another snapshot when the first is older than what was held', () => {
    const follower = synced();
    follower.accept(batch(8, [stored(8, 8)]));
    follower.beginSnapshot();
    const early = follower.acceptSnapshot(batch(5, [], { snapshot: true, snapshotEnd: true }));
    expect(early).toEqual({ kind: 'resync', reason: 'gap' });
    follower.beginSnapshot();
    const late = follower.acceptSnapshot(batch(8, [], { snapshot: true, snapshotEnd: true }));
    expect(late).toEqual({ kind: 'applied', applied: 1, repeated: 0 });
  });

  it('forgets everything when the store starts anew, and takes nothing of the ended epoch afterwards', () => {
    const follower = synced();
    follower.accept(batch(1, [stored(1, 1)]));
    const restarted = { storeEpoch: 2n };
    expect(follower.accept(batch(1, [], restarted))).toEqual({ kind: 'resync', reason: 'epoch_changed' });
    expect(follower.view.size).toBe(0);
    follower.beginSnapshot();
    follower.acceptSnapshot(batch(1, [], { ...restarted, snapshot: true, snapshotEnd: true }));
    expect(follower.accept(batch(2, [stored(2, 2)]))).toEqual({ kind: 'stale' });
    expect(follower.view.size).toBe(0);
    expect(follower.synced).toBe(true);
  });

  it('follows a store whose restart shows in the snapshot first', () => {
    const follower = synced();
    follower.accept(batch(3, [stored(3, 3)]));
    follower.beginSnapshot();
    follower.acceptSnapshot(batch(4, [stored(1, 9)], { storeEpoch: 2n, snapshot: true, snapshotEnd: true }));
    expect(follower.place).toEqual({ epoch: 2n, next: 4n });
    expect(follower.view.place(NAMESPACE, key(3))).toBeUndefined();
    expect(follower.view.place(NAMESPACE, key(9))?.tiers).toEqual(['ram']);
  });

  it('holds no more than its bound and makes good for the rest with another snapshot', () => {
    const follower = synced({ ...OPTIONS, maxHeldBatches: 2 });
    for (const sequence of [3, 4, 5, 6]) follower.accept(batch(sequence, [stored(sequence, sequence)]));
    expect(follower.counts.heldDropped).toBe(2);
    follower.beginSnapshot();
    const end = follower.acceptSnapshot(batch(4, [], { snapshot: true, snapshotEnd: true }));
    expect(end).toEqual({ kind: 'resync', reason: 'gap' });
  });

  it('believes only the flag where other namespaces are left out of the stream', () => {
    const follower = synced({ ...OPTIONS, continuity: 'flag' });
    expect(follower.accept(batch(7, [stored(7, 1)]))).toMatchObject({ kind: 'applied', applied: 1 });
    expect(follower.accept(batch(20, [], { gap: true }))).toEqual({ kind: 'resync', reason: 'gap' });
  });

  it('drops a cleared namespace and nothing else', () => {
    const follower = synced();
    const other = { ...stored(2, 2), namespaceId: key(9) } as BlockEvent;
    follower.accept(batch(1, [stored(1, 1), other]));
    follower.accept(batch(3, [{ kind: 'cleared', sequence: 3n, namespaceId: NAMESPACE }]));
    expect([...follower.view.entries()].map(({ key: [first] }) => first)).toEqual([2]);
    follower.accept(batch(4, [{ kind: 'cleared', sequence: 4n, namespaceId: null }]));
    expect(follower.view.size).toBe(0);
  });

  it('refuses batches that are not for it', () => {
    expect(() => synced().accept(batch(1, [], { owner: 'store-1' }))).toThrow('another owner');
    expect(() => synced().accept(batch(1, [], { snapshot: true }))).toThrow('acceptSnapshot');
    expect(() => synced().acceptSnapshot(batch(1, [], { snapshotEnd: true }))).toThrow('No snapshot was begun');
  });

  it('ends with the view of the store, whatever is lost, repeated or delivered late', () => {
    const change = fc.record({
      store: fc.boolean(),
      block: fc.integer({ min: 1, max: 6 }),
      tier: fc.constantFrom(...TIERS),
    });
    const fate = fc.constantFrom('delivered', 'lost', 'twice', 'rewound');
    const steps = fc.array(fc.record({ change, fate, restart: fc.integer({ min: 0, max: 20 }) }), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (history) => {
        const store = new ScriptedStore();
        const follower = new BlockEventFollower('store-0', { ...OPTIONS, maxHeldBatches: 3 });
        const sent: BlockEventBatch[] = [];
        const deliver = (each: BlockEventBatch) => {
          let outcome = follower.accept(each);
          while (outcome.kind === 'resync') {
            follower.beginSnapshot();
            outcome = follower.acceptSnapshot(store.snapshot());
          }
        };
        for (const {
          change: { store: isStore, block, tier },
          fate: how,
          restart,
        } of history) {
          if (restart === 0) sent.push(store.restart());
          const made = store.change(isStore, block, tier);
          sent.push(made);
          if (how !== 'lost') deliver(made);
          if (how === 'twice') deliver(made);
          if (how === 'rewound') for (const old of sent.slice(-5)) deliver(old);
        }
        deliver(store.heartbeat());
        expect(contents(follower.view)).toEqual(contents(store.view));
      }),
      { numRuns: 300 },
    );
  });
});

/** A store that is nothing but its events. */
class ScriptedStore {
  view = new BlockView();
  #epoch = 1n;
  #next = 1n;

  change(isStore: boolean, block: number, tier: Tier): BlockEventBatch {
    const sequence = Number(this.#next);
    const event = isStore ? stored(sequence, block, tier) : removed(sequence, block, tier);
    this.view.apply(event);
    this.#next += 1n;
    return batch(sequence, [event], { storeEpoch: this.#epoch });
  }

  restart(): BlockEventBatch {
    this.#epoch += 1n;
    this.#next = 1n;
    this.view = new BlockView();
    return this.heartbeat();
  }

  heartbeat(): BlockEventBatch {
    return batch(Number(this.#next), [], { storeEpoch: this.#epoch });
  }

  snapshot(): BlockEventBatch {
    const events = [...this.view.entries()].flatMap(({ tiers, ...place }): BlockEvent[] =>
      tiers.map((tier) => ({ kind: 'stored', sequence: this.#next - 1n, ...place, keys: [place.key], tier })),
    );
    return batch(Number(this.#next), events, { storeEpoch: this.#epoch, snapshot: true, snapshotEnd: true });
  }
}

function contents(view: BlockView): string[] {
  return [...view.entries()].map(({ key: [first], tiers }) => `${first} ${tiers.join()}`).sort();
}
