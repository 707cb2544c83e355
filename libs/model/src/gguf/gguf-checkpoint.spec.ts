import { describe, expect, it } from '@jest/globals';
import { memorySource } from '../checkpoint/byte-source.js';
import { buildGguf, f32Tensor, type BuiltTensor, type BuiltValue } from '../fuzz/gguf-builder.js';
import { GgufCheckpoint } from './gguf-checkpoint.js';
import { GgufFile } from './gguf-file.js';

const HIDDEN = 8;
const HEADS = 2;
const KV_HEADS = 1;
const HEAD_DIM = 4;

function open(
  architecture: string,
  metadata: Record<string, BuiltValue> = {},
  tensors: readonly BuiltTensor[] = [],
): Promise<GgufCheckpoint> {
  const key = (name: string): string => `${architecture}.${name}`;
  const bytes = buildGguf({
    metadata: {
      'general.architecture': { text: architecture },
      [key('context_length')]: { u32: 131_072 },
      [key('embedding_length')]: { u32: HIDDEN },
      [key('block_count')]: { u32: 4 },
      [key('feed_forward_length')]: { u32: 16 },
      [key('attention.head_count')]: { u32: HEADS },
      [key('attention.head_count_kv')]: { u32: KV_HEADS },
      [key('attention.layer_norm_rms_epsilon')]: { f32: 1e-5 },
      ...metadata,
    },
    tensors: [f32Tensor('token_embd.weight', [3, HIDDEN], counting(3 * HIDDEN)), ...tensors],
  });
  return GgufFile.from(memorySource('m.gguf', bytes)).then((file) => GgufCheckpoint.from(file));
}

function counting(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

/** Rows in the order that a converter stores them for interleaved rotation. */
function permuted(rows: readonly number[][], heads: number): number[][] {
  const perHead = rows.length / heads;
  const out: number[][] = [];
  for (let head = 0; head < heads; head++) {
    for (let pair = 0; pair < perHead / 2; pair++) {
      out.push(rows[head * perHead + pair]!, rows[head * perHead + perHead / 2 + pair]!);
    }
  }
  return out;
}

describe('a GGUF checkpoint', () => {
  it('has the configuration keys of Hugging Face', async () => {
    const checkpoint = await open('llama', { 'llama.rope.freq_base': { f32: 500_000 } });
    expect(checkpoint.config).toMatchObject({
      model_type: 'llama',
      vocab_size: 3,
      hidden_size: HIDDEN,
      intermediate_size: 16,
      num_hidden_layers: 4,
      num_attention_heads: HEADS,
      num_key_value_heads: KV_HEADS,
      head_dim: HEAD_DIM,
      max_position_embeddings: 131_072,
      rms_norm_eps: 1e-5,
      rope_theta: 500_000,
      rope_scaling: null,
      tie_word_embeddings: true,
    });
  });

  it('gives back q and k rows in halves, whatever range is read', async () => {
    const q = counting(HEADS * HEAD_DIM).map((row) => counting(HIDDEN).map((column) => row * 100 + column));
    const k = q.slice(0, KV_HEADS * HEAD_DIM);
    const checkpoint = await open('llama', {}, [
      f32Tensor('blk.0.attn_q.weight', [8, HIDDEN], permuted(q, HEADS).flat()),
      f32Tensor('blk.0.attn_k.weight', [4, HIDDEN], permuted(k, KV_HEADS).flat()),
      f32Tensor('blk.0.attn_v.weight', [4, HIDDEN], k.flat()),
      f32Tensor(
        'blk.0.attn_q.bias',
        [8],
        permuted(
          counting(8).map((i) => [i]),
          HEADS,
        ).flat(),
      ),
    ]);
    for (let first = 0; first <= q.length; first++) {
      for (let end = first; end <= q.length; end++) {
        const rows = await checkpoint.readRows('model.layers.0.self_attn.q_proj.weight', first, end - first);
        expect([...rows]).toEqual(q.slice(first, end).flat());
      }
    }
    expect([...(await checkpoint.readRows('model.layers.0.self_attn.k_proj.weight', 0, 4))]).toEqual(k.flat());
    expect([...(await checkpoint.readRows('model.layers.0.self_attn.v_proj.weight', 0, 4))]).toEqual(k.flat());
    expect([...(await checkpoint.readRows('model.layers.0.self_attn.q_proj.bias', 0, 8))]).toEqual(counting(8));
  });

  it('leaves q rows of other families in order', async () => {
    const checkpoint = await open('qwen2', {}, [f32Tensor('blk.0.attn_q.weight', [8, HIDDEN], counting(64))]);
    expect([...(await checkpoint.readRows('model.layers.0.self_attn.q_proj.weight', 0, 8))]).toEqual(counting(64));
  });

  it('takes the 1 off the norms of Gemma and keeps its four norms apart', async () => {
    const window = { 'gemma2.attention.sliding_window': { u32: 16 } };
    const names = ['attn_norm', 'post_attention_norm', 'ffn_norm', 'post_ffw_norm'];
    const tensors = names.map((name, i) => f32Tensor(`blk.0.${name}.weight`, [1], [1 + i / 4]));
    const checkpoint = await open('gemma2', window, tensors);
    const hf = ['input', 'post_attention', 'pre_feedforward', 'post_feedforward'];
    for (const [i, name] of hf.entries()) {
      expect([...(await checkpoint.readRows(`model.layers.0.${name}_layernorm.weight`, 0, 1))]).toEqual([i / 4]);
    }
    expect(checkpoint.config).toMatchObject({
      sliding_window: 16,
      query_pre_attn_scalar: HEAD_DIM,
      layer_types: ['sliding_attention', 'full_attention', 'sliding_attention', 'full_attention'],
    });
  });

  it('is a Mistral where a Llama has a window', async () => {
    const checkpoint = await open('llama', { 'llama.attention.sliding_window': { u32: 4096 } });
    expect(checkpoint.config).toMatchObject({ model_type: 'mistral', sliding_window: 4096 });
  });

  it('knows the fused tensors of Phi-3 and its long and short factors', async () => {
    const checkpoint = await open('phi3', { 'phi3.rope.scaling.original_context_length': { u32: 4096 } }, [
      f32Tensor('blk.0.attn_qkv.weight', [16, HIDDEN], counting(128)),
      f32Tensor('blk.0.ffn_up.weight', [32, HIDDEN], counting(256)),
      f32Tensor('rope_factors_short.weight', [2], [1, 1.5]),
      f32Tensor('rope_factors_long.weight', [2], [2, 4]),
    ]);
    expect([...checkpoint.tensors.keys()].slice(1)).toEqual([
      'model.layers.0.self_attn.qkv_proj.weight',
      'model.layers.0.mlp.gate_up_proj.weight',
    ]);
    expect(checkpoint.config).toMatchObject({
      original_max_position_embeddings: 4096,
      rope_scaling: { rope_type: 'longrope', short_factor: [1, 1.5], long_factor: [2, 4] },
    });
  });

  it('every fourth layer of SmolLM3 has no rotation', async () => {
    expect((await open('smollm3')).config).toMatchObject({ no_rope_layers: [1, 1, 1, 0] });
  });

  it.each([
    ['an architecture', () => open('mamba'), /"mamba"/],
    ['experts', () => open('llama', { 'llama.expert_count': { u32: 8 } }), /experts/],
    ['a tensor', () => open('llama', {}, [f32Tensor('blk.0.ssm_a.weight', [1], [1])]), /"blk\.0\.ssm_a\.weight"/],
    ['parts', () => open('llama', { 'split.count': { u32: 3 } }), /3 parts/],
    ['scaling', () => open('llama', { 'llama.rope.scaling.type': { text: 'magic' } }), /"magic"/],
    [
      'a quantisation',
      () => open('llama', {}, [{ name: 'x', shape: [256], type: 11, data: new Uint8Array(110) }]),
      /Q3_K/,
    ],
    ['uneven heads', () => open('llama', { 'llama.attention.head_count_kv': { i32s: [1, 2] } }), /head_count_kv/],
  ])('refuses %s that is not supported, by name', async (_case, opening, message) => {
    await expect(opening()).rejects.toMatchObject({
      reason: 'UNSUPPORTED_CHECKPOINT',
      message: expect.stringMatching(message),
    });
  });
});
