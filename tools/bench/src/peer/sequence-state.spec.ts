import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { repeatState } from './sequence-state.js';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'longhaul-state-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

interface Part {
  tokens: readonly number[];
  transposed: boolean;
  streams: number;
  /** Added behind the last tensor. */
  tail?: readonly number[];
}

/** A state of one layer: K rows of one u32 a cell; V rows the same, or two columns of one u32 a cell. */
function state({ tokens, transposed, streams, tail = [] }: Part): Buffer {
  const cells = tokens.length;
  const meta = tokens.flatMap((_, i) => [i, 1, 0]);
  const keys = [1, 4, 0, ...tokens.map((token) => token + 1000)];
  const column = (base: number): number[] => tokens.map((token) => token + base);
  const values = transposed ? [1, 4, 2, ...column(2000), ...column(3000)] : [1, 4, 0, ...column(2000)];
  const empty = Array.from({ length: streams - 1 }, () => 0);
  const words = [77, 3, cells, ...tokens, streams, cells, ...meta, transposed ? 1 : 0, 1, ...keys, ...values];
  return Buffer.from(Uint32Array.from([...words, ...empty, ...tail]).buffer);
}

async function repeated(bytes: Buffer, depth: number): Promise<Buffer> {
  const from = join(dir, 'from.bin');
  await writeFile(from, bytes);
  await repeatState(from, join(dir, 'to.bin'), depth);
  return readFile(join(dir, 'to.bin'));
}

describe('a repeated state', () => {
  it.each([
    [false, 1],
    [true, 1],
    [true, 4],
  ])('is the state of the repeated tokens (V transposed: %s, %d streams)', async (transposed, streams) => {
    const tile = state({ tokens: [5, 6], transposed, streams });
    expect(await repeated(tile, 6)).toEqual(state({ tokens: [5, 6, 5, 6, 5, 6], transposed, streams }));
  });

  it('is refused where the depth is not a multiple of the cells', async () => {
    await expect(repeated(state({ tokens: [5, 6], transposed: false, streams: 1 }), 5)).rejects.toThrow('multiple');
  });

  it('is refused where the file has a layout that is not known', async () => {
    const odd = state({ tokens: [5, 6], transposed: false, streams: 1, tail: [9] });
    await expect(repeated(odd, 4)).rejects.toThrow('bytes more');
    await expect(repeated(odd.subarray(0, odd.length - 12), 4)).rejects.toThrow('early');
  });
});
