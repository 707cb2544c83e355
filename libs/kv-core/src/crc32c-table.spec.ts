import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { crc32cTable } from './crc32c-table.js';

/** One bit at a time, from the definition. */
function bitwise(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('table CRC32C', () => {
  it.each([
    ['the check string', Buffer.from('123456789'), 0xe3069283],
    ['32 zero bytes', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['nothing', new Uint8Array(), 0],
  ])('gives the published value for %s', (_, bytes, crc) => {
    expect(crc32cTable(bytes)).toBe(crc);
  });

  it('equals the bitwise definition at every length and offset', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(9), (bytes, skip) => {
        const part = bytes.subarray(Math.min(skip, bytes.length));
        expect(crc32cTable(part)).toBe(bitwise(part));
      }),
    );
  });

  it('continues from the CRC of what came before', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ maxLength: 64 }), (a, b) => {
        expect(crc32cTable(b, crc32cTable(a))).toBe(crc32cTable(Buffer.concat([a, b])));
      }),
    );
  });
});
