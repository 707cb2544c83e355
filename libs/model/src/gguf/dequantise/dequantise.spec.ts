import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { StoredType } from '../../checkpoint/checkpoint.js';
import { dequantise } from './dequantise.js';

interface Golden {
  dtype: StoredType;
  /** Base64 of the stored bytes. */
  blocks: string;
  /** Base64 of f32 values, little endian. */
  values: string;
}

const goldens = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/gguf-blocks.json', import.meta.url), 'utf8'),
) as Golden[];

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

describe('dequantise', () => {
  it.each(goldens)('$dtype gives the very bits of the reference reader', ({ dtype, blocks, values }) => {
    const expected = new Float32Array(bytesOf(values).buffer);
    const actual = new Float32Array(expected.length);
    dequantise(dtype, bytesOf(blocks), actual);
    expect(new Uint32Array(actual.buffer)).toEqual(new Uint32Array(expected.buffer));
  });

  it('every type that is read has a golden', () => {
    expect(goldens.map((golden) => golden.dtype).sort()).toEqual(
      ['BF16', 'F16', 'F32', 'Q4_0', 'Q4_1', 'Q4_K', 'Q5_0', 'Q5_1', 'Q5_K', 'Q6_K', 'Q8_0'].sort(),
    );
  });
});
