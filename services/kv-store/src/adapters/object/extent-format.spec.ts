import { describe, expect, it } from '@jest/globals';
import { crc32cTable } from '@longhaul/kv-core';
import { decodeFooter, decodeIndex, encodeExtent, FOOTER_BYTES, type ExtentObject } from './extent-format.js';
import { decodeRemovals, encodeRemovals } from './removal-list.js';

function objects(...lengths: number[]): ExtentObject[] {
  return lengths.map((length, i) => {
    const object = new Uint8Array(length).fill(i + 1);
    return { key: new Uint8Array(32).fill(i + 100), object, storedUnixMs: 2 ** 41 + i, crc32c: crc32cTable(object) };
  });
}

function decode(body: Uint8Array) {
  const footer = decodeFooter(body.subarray(-FOOTER_BYTES), body.length, crc32cTable);
  const index = body.subarray(footer.indexOffset, footer.indexOffset + footer.entries * 80);
  return { footer, entries: decodeIndex(index, footer, crc32cTable) };
}

describe('an extent', () => {
  it('says by its end what is where in it', () => {
    const packed = objects(1, 64, 65, 1000, 0, 100_000);
    const { body, entries } = encodeExtent(packed, 12_345, crc32cTable);
    const decoded = decode(body);
    expect(decoded.footer).toMatchObject({ entries: 6, extentBytes: body.length, createdUnixMs: 12_345 });
    expect(decoded.entries).toEqual(entries);
    decoded.entries.forEach(({ offset, length, leadOffset, leadBytes, key, storedUnixMs }, i) => {
      const { object } = packed[i] as ExtentObject;
      expect(body.subarray(offset, offset + length)).toEqual(object);
      expect(leadBytes).toBe(Math.min(8192, length >>> 3));
      expect(body.subarray(leadOffset, leadOffset + leadBytes)).toEqual(object.subarray(0, leadBytes));
      expect(key).toEqual(packed[i]?.key);
      expect(storedUnixMs).toBe(2 ** 41 + i);
    });
  });

  it('is refused with any one bit of index or footer flipped', () => {
    const { body } = encodeExtent(objects(100, 300), 1, crc32cTable);
    const { indexOffset } = decode(body).footer;
    for (let at = indexOffset; at < body.length; at++) {
      const damaged = Uint8Array.from(body);
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
      expect(() => decode(damaged)).toThrow(expect.objectContaining({ reason: 'KV_CORRUPT' }));
    }
  });

  it('is refused when it was cut or lengthened', () => {
    const { body } = encodeExtent(objects(100, 300), 1, crc32cTable);
    for (const cut of [body.subarray(1), body.subarray(0, -1), body.subarray(0, 10), new Uint8Array(0)])
      expect(() => decode(cut)).toThrow(expect.objectContaining({ reason: 'KV_CORRUPT' }));
    const longer = new Uint8Array(body.length + 64);
    longer.set(body, 64);
    expect(() => decode(longer)).toThrow(expect.objectContaining({ reason: 'KV_CORRUPT' }));
  });

  it('of a later major version is not read', () => {
    const { body } = encodeExtent(objects(100), 1, crc32cTable);
    const footer = body.subarray(-FOOTER_BYTES);
    footer[8] = 2;
    new DataView(footer.buffer, footer.byteOffset).setUint32(60, crc32cTable(footer.subarray(0, 60)), true);
    expect(() => decode(body)).toThrow(/version 2/);
  });
});

describe('a list of removed keys', () => {
  const keys = objects(1, 1, 1).map(({ key }) => key);

  it('is read as it was written', () => {
    expect(decodeRemovals(encodeRemovals(keys, crc32cTable), crc32cTable)).toEqual(keys);
    expect(decodeRemovals(encodeRemovals([], crc32cTable), crc32cTable)).toEqual([]);
  });

  it('is refused when damaged', () => {
    const list = encodeRemovals(keys, crc32cTable);
    for (let at = 0; at < list.length; at++) {
      const damaged = Uint8Array.from(list);
      damaged[at] = (damaged[at] as number) ^ 4;
      expect(() => decodeRemovals(damaged, crc32cTable)).toThrow(expect.objectContaining({ reason: 'KV_CORRUPT' }));
      expect(() => decodeRemovals(list.subarray(0, at), crc32cTable)).toThrow();
    }
  });
});
