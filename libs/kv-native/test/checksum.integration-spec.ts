import { describe, expect, it } from '@jest/globals';
import { crc32c, crc32cAsync, crc32cCombine, crc32cReference } from '../src/index.js';

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 2654435761) >>> 13);
}

describe('CRC32C', () => {
  it('gives the published values', () => {
    expect(crc32c(new TextEncoder().encode('123456789')).toString(16)).toBe('e3069283');
    expect(crc32c(new Uint8Array(32)).toString(16)).toBe('8a9136aa');
    expect(crc32c(new Uint8Array(0))).toBe(0);
  });

  it('agrees with the table at every length and alignment around the lane sizes', () => {
    const bytes = pattern(8192);
    for (const length of [0, 1, 7, 8, 9, 383, 384, 385, 767, 3071, 3072, 3073, 6500]) {
      for (let start = 0; start < 16; start++) {
        const part = bytes.subarray(start, start + length);
        expect(crc32c(part, 77)).toBe(crc32cReference(part, 77));
      }
    }
  });

  it('continues from a seed and joins two parts', () => {
    const bytes = pattern(5000);
    const whole = crc32c(bytes);
    for (const cut of [0, 1, 4096, 4999, 5000]) {
      const a = crc32c(bytes.subarray(0, cut));
      expect(crc32c(bytes.subarray(cut), a)).toBe(whole);
      expect(crc32cCombine(a, crc32c(bytes.subarray(cut)), 5000 - cut)).toBe(whole);
    }
  });

  it('gives the same off the thread', async () => {
    const bytes = pattern((1 << 20) + 5);
    expect(await crc32cAsync(bytes)).toBe(crc32cReference(bytes));
  });
});
