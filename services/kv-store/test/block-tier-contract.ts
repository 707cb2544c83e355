import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { BlockTier } from '@longhaul/kv-core';
import { testBlock, testBlocks, type TestBlock } from './test-blocks.js';

/** A medium on which tiers are opened: a directory, a bucket, or nothing for memory. */
export interface TierMedium {
  /** A tier over what the medium holds. At most one is open at a time. */
  open(limitBytes: number): Promise<BlockTier>;
  /** Deletes everything. Open tiers have been closed. */
  dispose(): Promise<void>;
}

export interface TierContract {
  readonly createMedium: () => Promise<TierMedium>;
  /** Whether objects survive `close` and another `open`. */
  readonly durable: boolean;
  /** Whether bytes of removed objects are in use until the tier gets round to them. */
  readonly reclaimsLater: boolean;
  /** How far the tier's own bookkeeping on the medium may go beyond the limit; 0 when absent. */
  readonly overheadBytes?: number;
}

const ROOM = 64 * 2 ** 20;

/** What every tier promises (`BlockTier`), as rules; run on each implementation. */
export function blockTierContract(name: string, contract: TierContract): void {
  const { createMedium, durable, reclaimsLater, overheadBytes = 0 } = contract;
  describe(`the contract of a tier: ${name}`, () => {
    let medium: TierMedium;
    let tier: BlockTier;

    beforeEach(async () => {
      medium = await createMedium();
      tier = await medium.open(ROOM);
    });

    afterEach(async () => {
      await tier.close();
      await medium.dispose();
    });

    const reopen = async (limitBytes = ROOM) => {
      await tier.close();
      tier = await medium.open(limitBytes);
    };

    const put = (blocks: readonly TestBlock[]) => Promise.all(blocks.map(({ key, object }) => tier.put(key, object)));

    const expectHeld = async ({ key, object }: TestBlock) => {
      expect(tier.has(key)).toBe(true);
      expect(tier.sizeOf(key)).toBe(object.length);
      expect(Buffer.compare(await tier.read(key, 0, object.length), object)).toBe(0);
    };

    const expectGone = async ({ key }: TestBlock) => {
      expect(tier.has(key)).toBe(false);
      expect(tier.sizeOf(key)).toBe(-1);
      await expect(tier.read(key, 0, 1)).rejects.toMatchObject({ reason: 'KV_NOT_FOUND' });
    };

    it('is empty, well and bounded at first', () => {
      expect(tier.objects).toBe(0);
      expect([...tier.entries()]).toEqual([]);
      expect(tier.limitBytes).toBe(ROOM);
      expect(tier.health).toMatchObject({ writable: true, readable: true });
    });

    it('gives back what was put, byte for byte', async () => {
      const blocks = [testBlock(0, 256), testBlock(1, 4096), testBlock(2, 4097), testBlock(3, 100_003)];
      await put(blocks);
      for (const block of blocks) await expectHeld(block);
      expect(tier.objects).toBe(4);
    });

    it('does not know a key that was never put', async () => {
      await expectGone(testBlock(7));
    });

    it('keeps nothing of the memory that was handed over', async () => {
      const { key, object } = testBlock(1);
      const handed = Uint8Array.from(object);
      const handedKey = Uint8Array.from(key);
      await tier.put(handedKey, handed);
      handed.fill(0);
      handedKey.fill(0);
      await expectHeld({ key, object });
    });

    it('takes the first of two puts of a key', async () => {
      const { key, object } = testBlock(1);
      const other = testBlock(2, object.length).object;
      await Promise.all([tier.put(key, object), tier.put(key, other)]);
      await tier.put(key, other);
      await expectHeld({ key, object });
      expect(tier.objects).toBe(1);
    });

    it('reads any part of an object', async () => {
      const { key, object } = testBlock(1, 50_000);
      await tier.put(key, object);
      for (const [from, to] of [
        [0, 1],
        [0, 256],
        [255, 257],
        [4095, 4097],
        [1, 49_999],
        [49_999, 50_000],
        [10, 10],
      ] as const)
        expect(Buffer.compare(await tier.read(key, from, to - from), object.subarray(from, to))).toBe(0);
    });

    it.each([
      [-1, 10],
      [0, 50_001],
      [50_000, 1],
      [49_999, 2],
    ])('refuses a part outside of the object: %d, %d', async (offset, length) => {
      const { key, object } = testBlock(1, 50_000);
      await tier.put(key, object);
      await expect(tier.read(key, offset, length)).rejects.toHaveProperty('reason');
    });

    it('forgets what is removed at once, and nothing else', async () => {
      const blocks = testBlocks(6);
      await put(blocks);
      const gone = blocks.slice(2, 4);
      const removal = tier.remove(gone.map(({ key }) => key));
      for (const { key } of gone) expect(tier.has(key)).toBe(false);
      await removal;
      for (const block of gone) await expectGone(block);
      for (const block of [...blocks.slice(0, 2), ...blocks.slice(4)]) await expectHeld(block);
      expect(tier.objects).toBe(4);
    });

    it('removes unknown keys without complaint', async () => {
      await tier.remove([testBlock(1).key, testBlock(2).key]);
      expect(tier.objects).toBe(0);
    });

    it('takes a removed key again', async () => {
      const { key, object } = testBlock(1);
      const other = testBlock(2, object.length).object;
      await tier.put(key, object);
      await tier.remove([key]);
      await tier.put(key, other);
      await expectHeld({ key, object: other });
    });

    it('lets a read that has begun end well when its object is removed', async () => {
      const blocks = testBlocks(4, 60_000);
      await put(blocks);
      const reads = blocks.map(({ key, object }) => tier.read(key, 0, object.length));
      await tier.remove(blocks.map(({ key }) => key));
      const results = await Promise.allSettled(reads);
      results.forEach((result, i) => {
        if (result.status === 'fulfilled')
          expect(Buffer.compare(result.value, (blocks[i] as TestBlock).object)).toBe(0);
        else expect(result.reason).toMatchObject({ reason: 'KV_NOT_FOUND' });
      });
    });

    it('lists each object once, with its length', async () => {
      const blocks = testBlocks(5);
      await put(blocks);
      await tier.remove([(blocks[0] as TestBlock).key]);
      const listed = [...tier.entries()].map(({ key, bytes }) => `${Buffer.from(key).toString('hex')} ${bytes}`);
      const expected = blocks.slice(1).map(({ key, object }) => `${Buffer.from(key).toString('hex')} ${object.length}`);
      expect(listed.sort()).toEqual(expected.sort());
    });

    it('counts the bytes it uses', async () => {
      const before = tier.usedBytes;
      await put(testBlocks(3, 50_000));
      expect(tier.usedBytes - before).toBeGreaterThanOrEqual(150_000);
    });

    it('refuses what is beyond its bound, keeps what it has, and has room again after removals', async () => {
      await reopen(300_000);
      const blocks = testBlocks(12, 40_000);
      const outcomes = [];
      for (const { key, object } of blocks)
        outcomes.push(
          await tier.put(key, object).then(
            () => 'stored',
            (error: { reason: string }) => error.reason,
          ),
        );
      const stored = outcomes.filter((outcome) => outcome === 'stored').length;
      expect(stored).toBeGreaterThan(0);
      expect(stored).toBeLessThanOrEqual(7);
      expect(new Set(outcomes)).toEqual(new Set(['stored', 'KV_TIER_FULL']));
      expect(tier.usedBytes).toBeLessThanOrEqual(tier.limitBytes + overheadBytes);
      for (const block of blocks.slice(0, stored)) await expectHeld(block);
      await tier.remove(blocks.map(({ key }) => key));
      if (!reclaimsLater) expect(tier.usedBytes).toBeLessThan(40_000);
      await putWhenRoom(testBlock(99, 40_000));
      await expectHeld(testBlock(99, 40_000));
    });

    /** Room that removals make may come a moment later. */
    async function putWhenRoom({ key, object }: TestBlock): Promise<void> {
      for (let tries = 0; ; tries++) {
        try {
          return await tier.put(key, object);
        } catch (error) {
          if (!reclaimsLater || tries > 100) throw error;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    }

    it('works for many at once', async () => {
      const blocks = testBlocks(64, 3_000);
      await put(blocks);
      await Promise.all(blocks.map(expectHeld));
    });

    (durable ? it : it.skip)('has everything after it was closed and opened again, oldest first', async () => {
      const blocks = testBlocks(6);
      for (const block of blocks) {
        await put([block]);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await reopen();
      for (const block of blocks) await expectHeld(block);
      const keys = [...tier.entries()].map(({ key }) => Buffer.from(key).toString('hex'));
      expect(keys).toEqual(blocks.map(({ key }) => Buffer.from(key).toString('hex')));
    });

    (durable ? it : it.skip)('does not bring back what was removed before it was closed', async () => {
      const blocks = testBlocks(6);
      await put(blocks);
      await tier.remove([(blocks[1] as TestBlock).key, (blocks[4] as TestBlock).key]);
      await reopen();
      expect(tier.objects).toBe(4);
      await expectGone(blocks[1] as TestBlock);
      await expectGone(blocks[4] as TestBlock);
      await expectHeld(blocks[0] as TestBlock);
    });
  });
}
