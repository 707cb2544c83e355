import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@longhaul/kernel';
import { buildGguf, f32Tensor, type BuiltValue } from '../src/fuzz/gguf-builder.js';
import { importModel } from '../src/index.js';

let work = '';
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'gguf-'));
});
afterEach(() => rm(work, { recursive: true, force: true }));

const SOUND: Readonly<Record<string, BuiltValue>> = {
  'general.architecture': { text: 'llama' },
  'llama.context_length': { u32: 2048 },
  'llama.embedding_length': { u32: 64 },
  'llama.block_count': { u32: 1 },
  'llama.feed_forward_length': { u32: 96 },
  'llama.attention.head_count': { u32: 2 },
  'llama.attention.head_count_kv': { u32: 1 },
  'llama.attention.layer_norm_rms_epsilon': { f32: 1e-5 },
  'llama.rope.freq_base': { f32: 10_000 },
  'tokenizer.ggml.model': { text: 'gpt2' },
  'tokenizer.ggml.pre': { text: 'smollm' },
  'tokenizer.ggml.tokens': { texts: ['<s>', '</s>', 'a', 'b'] },
  'tokenizer.ggml.token_type': { i32s: [3, 3, 1, 1] },
  'tokenizer.ggml.merges': { texts: [] },
};

const tensor = (name: string, ...shape: number[]) =>
  f32Tensor(name, shape, new Array<number>(shape.reduce((product, size) => product * size, 1)).fill(0.01));

const TENSORS = [
  tensor('token_embd.weight', 4, 64),
  tensor('output_norm.weight', 64),
  ...['attn_norm', 'ffn_norm'].map((name) => tensor(`blk.0.${name}.weight`, 64)),
  ...['attn_q', 'attn_output'].map((name) => tensor(`blk.0.${name}.weight`, 64, 64)),
  ...['attn_k', 'attn_v'].map((name) => tensor(`blk.0.${name}.weight`, 32, 64)),
  ...['ffn_gate', 'ffn_up'].map((name) => tensor(`blk.0.${name}.weight`, 96, 64)),
  tensor('blk.0.ffn_down.weight', 64, 96),
];

/** What an import of a file with these keys says; empty where it is imported. */
async function said(metadata: Readonly<Record<string, BuiltValue>>): Promise<string> {
  const source = join(work, 'm.gguf');
  await writeFile(source, buildGguf({ metadata: { ...SOUND, ...metadata }, tensors: TENSORS }));
  const error: unknown = await importModel({ source, out: join(work, 'out'), weights: 'int8' }).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  await rm(join(work, 'out'), { recursive: true, force: true });
  if (error === null) return '';
  expect(AppError.isInstance(error)).toBe(true);
  expect((error as AppError).code).not.toBe('INTERNAL');
  return (error as AppError).message;
}

describe('the numbers of a GGUF file are under the ranges of config.json', () => {
  it('sound ones are imported', async () => {
    expect(await said({})).toBe('');
  });

  it.each<[string, BuiltValue, RegExp]>([
    ['llama.attention.layer_norm_rms_epsilon', { f32: 1e30 }, /rms_norm_eps must be a number from 1e-12 to 0\.1/],
    ['llama.attention.layer_norm_rms_epsilon', { f32: Number.NaN }, /rms_norm_eps .* but is NaN/],
    ['llama.attention.layer_norm_rms_epsilon', { f32: 0 }, /rms_norm_eps/],
    ['llama.rope.freq_base', { f32: Infinity }, /rope_theta .* but is Infinity|freq_base/],
    ['llama.rope.freq_base', { f32: 0 }, /rope_theta|freq_base/],
    ['llama.rope.freq_base', { f32: -1 }, /rope_theta|freq_base/],
    ['llama.context_length', { u32: 0 }, /max_position_embeddings/],
    ['llama.context_length', { u32: 0xffffffff }, /max_position_embeddings/],
    ['llama.embedding_length', { u32: 0xffffffff }, /hidden_size|heads do not divide/],
    ['llama.feed_forward_length', { u32: 0 }, /intermediate_size/],
    ['llama.block_count', { u32: 0 }, /num_hidden_layers/],
    ['llama.block_count', { u32: 5000 }, /5000 layers is over the limit of 1024/],
    ['llama.attention.head_count', { u32: 0 }, /no heads/],
    ['llama.attention.head_count', { u32: 3 }, /3 heads do not divide/],
    ['llama.attention.head_count_kv', { u32: 0xffff }, /do not fit 65535 heads/],
    ['llama.attention.key_length', { u32: 7 }, /differ|Head dimension 7/],
    ['llama.rope.dimension_count', { u32: 64 }, /partial_rotary_factor|rotat|rope/i],
    ['llama.attention.sliding_window', { u32: 0xffffffff }, /sliding_window/],
    ['tokenizer.ggml.eos_token_id', { u32: 4 }, /eos_token_id|outside/],
    ['tokenizer.ggml.tokens', { texts: ['<s>', '</s>', 'a', 'b', 'c'] }, /token/],
    ['general.sampling.temp', { f32: 1e30 }, /temperature must be a number from 0 to 2/],
  ])('%s %j is refused at import', async (key, value, message) => {
    expect(await said({ [key]: value })).toMatch(message);
  });

  it.each(['linear', 'yarn'])('a factor of %s scaling', async (type) => {
    for (const factor of [1e30, 0, -1, Number.NaN]) {
      const message = await said({
        'llama.rope.scaling.type': { text: type },
        'llama.rope.scaling.factor': { f32: factor },
        'llama.rope.scaling.original_context_length': { u32: 1024 },
      });
      // 0 is how a file says that there is none.
      if (factor !== 0) expect(message).toMatch(/factor/);
    }
  });
});
