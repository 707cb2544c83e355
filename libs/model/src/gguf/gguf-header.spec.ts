import { describe, expect, it } from '@jest/globals';
import { memorySource } from '../checkpoint/byte-source.js';
import { buildGguf, f32Tensor, type GgufContent } from '../fuzz/gguf-builder.js';
import { readGgufHeader, type GgufHeader } from './gguf-header.js';

function read(bytes: Uint8Array): Promise<GgufHeader> {
  return readGgufHeader(memorySource('m.gguf', bytes));
}

function build(content: Partial<GgufContent>): Uint8Array {
  return buildGguf({ metadata: {}, tensors: [], ...content });
}

function u32At(bytes: Uint8Array, at: number, value: number): Uint8Array {
  new DataView(bytes.buffer).setUint32(at, value, true);
  return bytes;
}

describe('readGgufHeader', () => {
  it.each([2, 3])('version %d is read, with every kind of value', async (version) => {
    const metadata = {
      'a.u32': { u32: 7 },
      'a.u64': { u64: 2n ** 53n - 1n },
      'a.f32': { f32: 0.1 },
      'a.bool': { bool: true },
      'a.text': { text: 'Grüße' },
      'a.texts': { texts: ['x', '', '▁y'] },
      'a.i32s': { i32s: [-1, 2] },
      'a.f32s': { f32s: [0.5] },
    };
    const header = await read(build({ version, metadata }));
    expect(Object.fromEntries(header.metadata)).toEqual({
      'a.u32': 7,
      'a.u64': 2 ** 53 - 1,
      'a.f32': 0.1,
      'a.bool': true,
      'a.text': 'Grüße',
      'a.texts': ['x', '', '▁y'],
      'a.i32s': Int32Array.of(-1, 2),
      'a.f32s': Float32Array.of(0.5),
    });
  });

  it('dimensions are turned round and data is aligned', async () => {
    const header = await read(build({ tensors: [f32Tensor('a', [3, 1], [1, 2, 3]), f32Tensor('b', [1], [4])] }));
    expect(header.tensors.get('a')).toMatchObject({ shape: [3, 1], bytes: 12 });
    expect(header.tensors.get('b')!.offset - header.tensors.get('a')!.offset).toBe(32);
    expect(header.tensors.get('a')!.offset % 32).toBe(0);
  });

  it('a number past 2^53 is corrupt', async () => {
    await expect(read(build({ metadata: { a: { u64: 2n ** 53n } } }))).rejects.toMatchObject({
      reason: 'CHECKPOINT_CORRUPT',
      message: expect.stringContaining('2^53'),
    });
  });

  it.each([
    ['version 1', u32At(build({}), 4, 1), 'UNSUPPORTED_CHECKPOINT', /version 1/],
    ['big endian', u32At(build({}), 4, 0x03000000), 'UNSUPPORTED_CHECKPOINT', /big endian/],
    ['another magic', u32At(build({}), 0, 1), 'CHECKPOINT_CORRUPT', /GGUF/],
    ['too many tensors', u32At(build({}), 8, 70_000), 'CHECKPOINT_LIMIT', /65536/],
    ['too many entries', u32At(build({}), 16, 5000), 'CHECKPOINT_LIMIT', /4096/],
    ['nothing', new Uint8Array(0), 'CHECKPOINT_CORRUPT', /ends/],
    ['an odd alignment', build({ metadata: { 'general.alignment': { u32: 24 } } }), 'CHECKPOINT_CORRUPT', /alignment/],
    ['a listed tensor without data', build({ tensors: [f32Tensor('a', [9], [1])] }), 'CHECKPOINT_CORRUPT', /behind/],
    [
      'a name listed twice',
      build({ tensors: [f32Tensor('a', [1], [1]), f32Tensor('a', [1], [1])] }),
      'CHECKPOINT_CORRUPT',
      /twice/,
    ],
    [
      'half a block',
      build({ tensors: [{ name: 'a', shape: [16], type: 8, data: new Uint8Array(34) }] }),
      'CHECKPOINT_CORRUPT',
      /blocks/,
    ],
    ['a long name', build({ tensors: [f32Tensor('n'.repeat(300), [1], [1])] }), 'CHECKPOINT_LIMIT', /256/],
    ['a high rank', build({ tensors: [f32Tensor('a', [1, 1, 1, 1, 1], [1])] }), 'CHECKPOINT_LIMIT', /rank 5/],
  ])('%s is refused', async (_case, bytes, reason, message) => {
    await expect(read(bytes)).rejects.toMatchObject({ reason, message: expect.stringMatching(message) });
  });

  it('tensors that overlap are corrupt', async () => {
    const bytes = build({ tensors: [f32Tensor('a', [16], new Array(16).fill(1)), f32Tensor('b', [1], [1])] });
    const header = await read(bytes);
    // The offset is the last field of b's description, which ends where the padding before the data begins.
    const at = Buffer.from(bytes).lastIndexOf(
      Buffer.from(BigUint64Array.of(64n).buffer),
      header.tensors.get('a')!.offset,
    );
    await expect(read(u32At(bytes, at, 32))).rejects.toMatchObject({ message: expect.stringContaining('overlaps') });
  });

  it('a forged array length costs no memory', async () => {
    const bytes = build({ metadata: { a: { i32s: [1] } } });
    const length = bytes.length - 12;
    await expect(read(u32At(bytes, length, 2 ** 21))).rejects.toMatchObject({ reason: 'CHECKPOINT_CORRUPT' });
    await expect(read(u32At(bytes, length, 2 ** 22))).rejects.toMatchObject({ reason: 'CHECKPOINT_LIMIT' });
  });
});
