import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { crc32cCombine, crc32cShift } from './crc32c-combine.js';
import { crc32cTable } from './crc32c-table.js';

describe('combining CRC32C', () => {
  it('two CRCs make the CRC of both strings', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (a, b) => {
        const whole = crc32cTable(Buffer.concat([a, b]));
        expect(crc32cCombine(crc32cTable(a), crc32cTable(b), crc32cShift(b.length))).toBe(whole);
      }),
    );
  });

  it('holds for a long second string', () => {
    const a = Buffer.from('front');
    const b = Buffer.alloc(1_000_003, 0x5a);
    const whole = crc32cTable(Buffer.concat([a, b]));
    expect(crc32cCombine(crc32cTable(a), crc32cTable(b), crc32cShift(b.length))).toBe(whole);
  });
});
