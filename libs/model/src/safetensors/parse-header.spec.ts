import { describe, expect, it } from '@jest/globals';
import { memorySource } from '../checkpoint/byte-source.js';
import { buildSafetensors, joinSafetensors } from '../fuzz/safetensors-builder.js';
import { SafetensorsFile } from './safetensors-file.js';

async function read(bytes: Uint8Array): Promise<SafetensorsFile> {
  return SafetensorsFile.from(memorySource('model.safetensors', bytes));
}

function withHeader(header: unknown, dataBytes = 8): Promise<SafetensorsFile> {
  return read(joinSafetensors(JSON.stringify(header), [new Uint8Array(dataBytes)]));
}

function entry(begin: number, end: number, overrides: object = {}): object {
  return { dtype: 'F32', shape: [(end - begin) / 4], data_offsets: [begin, end], ...overrides };
}

describe('safetensors', () => {
  it('f32, f16 and bf16 are widened exactly, by rows', async () => {
    const f16 = new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00).buffer);
    const bf16 = new Uint8Array(Uint16Array.of(0x3f80, 0xc0a0).buffer);
    const f32 = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
    const file = await read(
      buildSafetensors([
        { name: 'a', dtype: 'F32', shape: [3, 2], data: f32 },
        { name: 'b', dtype: 'F16', shape: [4], data: f16 },
        { name: 'c', dtype: 'BF16', shape: [2, 1], data: bf16 },
      ]),
    );
    const rows = (name: string, first: number, count: number): Promise<Float32Array> =>
      file.readRows(file.tensors.get(name)!, first, count);
    expect([...(await rows('a', 1, 2))]).toEqual([3, 4, 5, 6]);
    expect([...(await rows('b', 0, 4))]).toEqual([1, -2, 2 ** -24, Infinity]);
    expect([...(await rows('c', 1, 1))]).toEqual([-5]);
  });

  it.each([
    ['an overlap', { a: entry(0, 8), b: entry(4, 8) }, /overlaps/],
    ['a hole', { a: entry(0, 4), b: entry(8, 12) }, /belong to no tensor|outside/],
    ['bytes behind the last tensor', { a: entry(0, 4) }, /follow the last/],
    ['an end behind the data', { a: entry(0, 16) }, /outside/],
    ['a shape of another size', { a: entry(0, 8, { shape: [3] }) }, /holds 8 bytes/],
    ['a negative dimension', { a: entry(0, 8, { shape: [-2] }) }, /whole numbers/],
    ['an offset past 2^53', { a: entry(0, 8, { data_offsets: [0, 2 ** 60] }) }, /data_offsets/],
    ['no dtype', { a: entry(0, 8, { dtype: 4 }) }, /no dtype/],
    ['a tensor that is no object', { a: 3 }, /no description/],
  ])('%s is corrupt', async (_case, header, message) => {
    await expect(withHeader(header)).rejects.toMatchObject({
      reason: 'CHECKPOINT_CORRUPT',
      message: expect.stringMatching(message),
    });
  });

  it('another element type is unsupported and named with its tensor', async () => {
    await expect(withHeader({ 'x.weight': entry(0, 8, { dtype: 'F8_E4M3' }) })).rejects.toMatchObject({
      reason: 'UNSUPPORTED_CHECKPOINT',
      message: expect.stringMatching(/"x\.weight".*F8_E4M3/),
    });
  });

  it('a name that occurs twice is corrupt, also with escapes', async () => {
    const item = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}';
    await expect(read(joinSafetensors(`{"ab":${item},"a\\u0062":${item}}`, [new Uint8Array(8)]))).rejects.toMatchObject(
      {
        reason: 'CHECKPOINT_CORRUPT',
        message: expect.stringContaining('twice'),
      },
    );
  });

  it('rank and names have limits', async () => {
    const rank = { a: entry(0, 8, { shape: [2, 1, 1, 1, 1, 1, 1, 1, 1] }) };
    await expect(withHeader(rank)).rejects.toMatchObject({ reason: 'CHECKPOINT_LIMIT' });
    await expect(withHeader({ ['n'.repeat(600)]: entry(0, 8) })).rejects.toMatchObject({ reason: 'CHECKPOINT_LIMIT' });
  });

  it('a forged header length costs no memory', async () => {
    const bytes = new Uint8Array(BigUint64Array.of(2n ** 62n).buffer);
    await expect(read(bytes)).rejects.toMatchObject({ reason: 'CHECKPOINT_LIMIT' });
    await expect(read(new Uint8Array(BigUint64Array.of(100n).buffer))).rejects.toMatchObject({
      reason: 'CHECKPOINT_CORRUPT',
    });
  });
});
