import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openCheckpoint } from '@longhaul/model';
import { type LlamaShape } from './llama-shape.js';
import { halfBits } from './random-weights.js';
import { syntheticVocabulary } from './synthetic-vocabulary.js';
import { writeRandomGguf } from './write-random-gguf.js';

const SHAPE: LlamaShape = {
  name: 'tiny',
  layers: 2,
  hidden: 64,
  heads: 2,
  kvHeads: 1,
  headDim: 32,
  ffn: 96,
  vocab: 1000,
  context: 4096,
  ropeTheta: 10000,
};

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'longhaul-gguf-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('a random GGUF file', () => {
  it('is the same file for the same seed', async () => {
    const first = await writeRandomGguf(join(dir, 'a.gguf'), SHAPE, { seed: 1 });
    expect(await writeRandomGguf(join(dir, 'b.gguf'), SHAPE, { seed: 1 })).toBe(first);
    expect(await writeRandomGguf(join(dir, 'c.gguf'), SHAPE, { seed: 2 })).not.toBe(first);
  });

  it('opens as a checkpoint with the shape, its tensors and its tokenizer', async () => {
    const path = join(dir, 'open.gguf');
    await writeRandomGguf(path, SHAPE, { seed: 1 });
    const checkpoint = await openCheckpoint(path);
    try {
      expect(checkpoint.config).toMatchObject({ hidden_size: 64, num_hidden_layers: 2, vocab_size: 1000 });
      expect(checkpoint.tensors.size).toBe(2 * 9 + 2);
      expect((await checkpoint.tokenizerFiles()).tokenizerJson.length).toBeGreaterThan(1000);
    } finally {
      await checkpoint.close();
    }
  });
});

describe('the synthetic vocabulary', () => {
  it('has as many different tokens as asked for, and merges of known tokens', () => {
    const { tokens, merges } = syntheticVocabulary(32000);
    const known = new Set(tokens);
    expect(known.size).toBe(32000);
    expect(merges.every((merge) => merge.split(' ').every((part) => known.has(part)))).toBe(true);
  });
});

describe('half precision', () => {
  it.each([
    [1, 0x3c00],
    [0.5, 0x3800],
    [1.5, 0x3e00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [0.333251953125, 0x3555],
  ])('writes %d exactly', (value, bits) => {
    expect(halfBits(value)).toBe(bits);
  });
});
