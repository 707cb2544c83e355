import { describe, expect, it } from '@jest/globals';
import { crc32cTable } from '@longhaul/kv-core';
import { getChunkChecksum, knownGetChunkChecksum } from './chunk-checksum.js';

describe('the checksum of a chunk', () => {
  it.each([1, 4096, 131_072, 12_345])('is the same from the CRC of its %p bytes as from the bytes', (length) => {
    const data = Uint8Array.from({ length }, (_, i) => i * 31);
    const place = { block: 3, section: 70_000, offset: 2 ** 33 };
    const known = knownGetChunkChecksum(crc32cTable, place, { length, crc32c: crc32cTable(data) });
    expect(known).toBe(getChunkChecksum(crc32cTable, place, data));
    expect(known).not.toBe(getChunkChecksum(crc32cTable, { ...place, block: 4 }, data));
  });
});
