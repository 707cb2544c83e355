import { TIERS } from '@longhaul/kv-core';
import { FakeTier } from './fake-tier.js';
import { chain, lower, type Sample, sectionAt, settle, space, StoreFixture } from './store-fixture.js';

export interface FlipReport {
  readonly flips: number;
  /** Flips after which a get answered with any byte other than the one stored. Must be 0. */
  readonly served: number;
  /** Flips that were counted as damage. */
  readonly counted: number;
  /** Flips in bytes that no get reads: padding between sections. */
  readonly unread: number;
  /** After the flip the block was served whole, from its other copy. */
  readonly healed: number;
}

/** Repeatable numbers below a bound. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * Flips single random bits of stored objects, one at a time, reads the block, and repairs. Half of the flips hit
 * memory while the disk has a sound copy, the others hit the only copy, on disk.
 *
 * @param tier which copy is damaged.
 */
export async function flipBits(tier: 'ram' | 'disk', flips: number, seed: number): Promise<FlipReport> {
  const below = generator(seed);
  const report = { flips, served: 0, counted: 0, unread: 0, healed: 0 };
  const [block] = chain(1, { headDim: 64 }) as [Sample];
  const name = Buffer.from(block.key).toString('hex');
  for (let done = 0; done < flips;) {
    const { store, disk } = await filled(tier, block);
    for (let i = 0; i < 100 && done < flips; i++, done++) {
      const at = below(block.object.length);
      const bit = 1 << below(8);
      const target = tier === 'disk' ? disk.objectsByKey.get(name)! : await memoryOf(store, block);
      target[at]! ^= bit;
      const before = store.count('corrupt_blocks');
      const { faithful, outcomes } = await store.read([block]);
      await settle();
      const counted = store.count('corrupt_blocks') - before;
      report.counted += counted;
      if (!faithful) report.served += 1;
      if (counted > 0 && outcomes[0] === 'ok') report.healed += 1;
      if (counted === 0) {
        if (!isPadding(block.object, at)) report.served += 1;
        report.unread += 1;
        target[at]! ^= bit;
      }
      await restore(store, disk, { block, tier });
    }
    await store.core.close();
  }
  return report;
}

async function filled(tier: 'ram' | 'disk', block: Sample) {
  const disk = new FakeTier();
  const first = await StoreFixture.ready({ lower: lower(disk) });
  await first.put(block);
  await settle();
  if (tier === 'ram') return { store: first, disk };
  // No room for promotions: every read is of the disk.
  return { store: await StoreFixture.ready({ lower: lower(disk), ramBytes: block.object.length }), disk };
}

/** The memory that a get of the RAM tier hands out a view of. */
async function memoryOf(store: StoreFixture, block: Sample): Promise<Uint8Array> {
  const { leaseId } = await store.lookup([block]);
  let memory: Uint8Array = new Uint8Array();
  for await (const frame of store.frames([block], leaseId)) {
    if (frame.kind === 'head') memory = new Uint8Array(frame.bytes.buffer, frame.bytes.byteOffset, block.object.length);
  }
  await store.core.releaseLease(leaseId);
  return memory;
}

function isPadding(object: Uint8Array, at: number): boolean {
  const view = new DataView(object.buffer, object.byteOffset);
  const sections = view.getUint32(20, true);
  if (at < sectionAt(object, 0)) return false;
  return !Array.from({ length: sections }, (_, i) => i).some((i) => {
    const begin = sectionAt(object, i);
    return at >= begin && at < begin + view.getUint32(256 + 64 * i + 16, true);
  });
}

/** Brings both copies back for the next flip. */
async function restore(
  store: StoreFixture,
  disk: FakeTier,
  { block, tier }: { block: Sample; tier: 'ram' | 'disk' },
): Promise<void> {
  const match = await store.lookup([block]);
  await store.core.releaseLease(match.leaseId);
  if (match.matchedBlocks === 1 && (tier === 'disk' || match.spans[0]!.tier === TIERS[0])) return;
  await store.core.evict({ namespace: space().namespace, what: { kind: 'namespace' } });
  await store.put(block);
  await settle();
  if (tier === 'ram') return;
  // The disk's copy is the one to damage next: memory must give its own up, which another block of its size makes it do.
  const [other] = chain(1, { seed: 77 }) as [Sample];
  await store.put(other);
  await settle();
  await store.core.evict({ namespace: space().namespace, what: { kind: 'keys', keys: [other.key] } });
  disk.objectsByKey.delete(Buffer.from(other.key).toString('hex'));
}
