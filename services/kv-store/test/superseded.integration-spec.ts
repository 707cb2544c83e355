import { describe, expect, it } from '@jest/globals';
import { crc32cTable, FORMAT_MAJOR } from '@longhaul/kv-core';
import { openDiskTier } from '../src/adapters/disk/index.js';
import { chain, lower, space, StoreFixture, type Sample } from './core/store-fixture.js';
import { MemoryFiles } from './support/memory-files.js';

const bounds = { directory: '/log', limitBytes: 1 << 30, segmentBytes: 256 << 10, syncIntervalMs: 0, scrubPerHour: 0 };
const blocks = chain(3);

/** The block as a store of another format version has left it behind. */
function ofVersion(major: number, { object }: Sample): Uint8Array {
  const bytes = Uint8Array.from(object);
  const view = new DataView(bytes.buffer);
  view.setUint16(8, major, true);
  view.setUint32(252, crc32cTable(bytes.subarray(0, 252)), true);
  return bytes;
}

/** A directory with the first block in another version, and the others in this one. */
async function leftBehind(major: number): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  const disk = await openDiskTier({ ...bounds, files });
  const objects = blocks.map((sample, i) => (i === 0 ? ofVersion(major, sample) : sample.object));
  for (const [i, object] of objects.entries()) await disk.put(blocks[i]!.key, object);
  await disk.close();
  return files;
}

async function started(files: MemoryFiles): Promise<{ store: StoreFixture; keys: () => number }> {
  const disk = await openDiskTier({ ...bounds, files });
  const store = await StoreFixture.ready({ lower: lower(disk) });
  return { store, keys: () => [...disk.entries()].length };
}

describe('a directory with blocks of another format version', () => {
  it('drops those of an earlier one at the start and counts them, so that their room is free again', async () => {
    const { store, keys } = await started(await leftBehind(FORMAT_MAJOR - 1));
    expect(store.count('recovery_skipped', 'disk', 'superseded')).toBe(1);
    expect(store.count('corrupt_blocks', 'disk')).toBe(0);
    expect(keys()).toBe(2);
    expect(await store.matched(blocks)).toBe(0);
    expect((await store.core.stat(space().namespace)).tiers[1]).toMatchObject({ objects: 2 });
    await store.core.close();
  });

  it('leaves those of a later one alone, and does not serve them', async () => {
    const { store, keys } = await started(await leftBehind(FORMAT_MAJOR + 1));
    expect(store.count('recovery_skipped', 'disk', 'KV_UNSUPPORTED')).toBe(1);
    expect(keys()).toBe(3);
    expect(await store.matched(blocks)).toBe(0);
    await store.core.close();
  });
});
