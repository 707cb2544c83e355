import { describe, expect, it } from '@jest/globals';
import { parseConfig } from './parse-config.js';

const sizes = {
  vocab_size: 320,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 6,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 4096,
};

const windows = (config: Readonly<Record<string, unknown>>) =>
  parseConfig(config).layerAttention.map((layer) => layer.window);

describe('parseConfig', () => {
  it('head_dim is explicit, or hidden size by heads', () => {
    expect(parseConfig({ ...sizes, model_type: 'llama' }).shape.headDim).toBe(32);
    expect(parseConfig({ ...sizes, model_type: 'llama', head_dim: null }).shape.headDim).toBe(32);
    expect(parseConfig({ ...sizes, model_type: 'llama', head_dim: 80 }).shape.headDim).toBe(80);
    expect(parseConfig({ ...sizes, model_type: 'qwen3' }).shape.headDim).toBe(128);
  });

  it('keys of transformers 4 and 5 mean the same', () => {
    const old = { rope_theta: 5e5, rope_scaling: { type: 'linear', factor: 2 }, torch_dtype: 'bfloat16' };
    const recent = { rope_parameters: { rope_theta: 5e5, rope_type: 'linear', factor: 2 }, dtype: 'bfloat16' };
    expect(parseConfig({ ...sizes, model_type: 'llama', ...old })).toEqual(
      parseConfig({ ...sizes, model_type: 'llama', ...recent }),
    );
  });

  it('Mistral slides on all layers, on none where the key is null, and by 4096 where it is missing', () => {
    expect(windows({ ...sizes, model_type: 'mistral', sliding_window: 64 })).toEqual(new Array(6).fill(64));
    expect(windows({ ...sizes, model_type: 'mistral', sliding_window: null })).toEqual(new Array(6).fill(null));
    expect(windows({ ...sizes, model_type: 'mistral' })).toEqual(new Array(6).fill(4096));
  });

  it('Qwen slides from max_window_layers on, and only where it is switched on', () => {
    const qwen = { ...sizes, model_type: 'qwen2', sliding_window: 64, max_window_layers: 4 };
    expect(windows({ ...qwen, use_sliding_window: true })).toEqual([null, null, null, null, 64, 64]);
    expect(windows({ ...qwen, use_sliding_window: false })).toEqual(new Array(6).fill(null));
    expect(parseConfig(qwen).attention).toMatchObject({ qkvBias: true, outputBias: false });
  });

  it('Gemma 2 slides on every second layer, caps scores and logits, and scales by query_pre_attn_scalar', () => {
    const spec = parseConfig({ ...sizes, model_type: 'gemma2', sliding_window: 64, query_pre_attn_scalar: 144 });
    expect(spec.layerAttention.map((layer) => layer.window)).toEqual([64, null, 64, null, 64, null]);
    expect(spec).toMatchObject({ finalSoftcap: 30, embeddingScale: 8, norms: { plusOne: true, post: true } });
    expect(spec.attention).toMatchObject({ softcap: 50, scale: 1 / 12, qkNorm: false });
    expect(spec.feedForward.activation).toBe('gelu_tanh');
    expect(spec.tiedEmbeddings).toBe(true);
  });

  it('Gemma 3 has five local layers to a global one, with a rope class each; only the global one is scaled', () => {
    const text = { ...sizes, sliding_window: 64, rope_scaling: { rope_type: 'linear', factor: 8 } };
    const spec = parseConfig({ model_type: 'gemma3', text_config: text });
    expect(spec.family).toBe('gemma3_text');
    expect(spec.layerAttention.map((layer) => layer.ropeClass)).toEqual([1, 1, 1, 1, 1, 0]);
    expect(spec.layerAttention.map((layer) => layer.window)).toEqual([64, 64, 64, 64, 64, null]);
    expect(spec.ropeClasses.map((rope) => [rope.theta, rope.scaling.kind])).toEqual([
      [1e6, 'linear'],
      [1e4, 'default'],
    ]);
    expect(spec.contextLength).toBe(4096);
    expect(spec.attention).toMatchObject({ qkNorm: true, softcap: null });
  });

  it('rope parameters per layer type are taken for their layers', () => {
    const rope_parameters = {
      full_attention: { rope_theta: 2e6, rope_type: 'linear', factor: 8 },
      sliding_attention: { rope_theta: 3e4, rope_type: 'default' },
    };
    const spec = parseConfig({ ...sizes, model_type: 'gemma3_text', rope_parameters });
    expect(spec.ropeClasses.map((rope) => rope.theta)).toEqual([2e6, 3e4]);
  });

  it('SmolLM3 does not rotate every fourth layer, or those that no_rope_layers marks with 0', () => {
    const classes = (config: object) =>
      parseConfig({ ...sizes, model_type: 'smollm3', ...config }).layerAttention.map((layer) => layer.ropeClass);
    expect(classes({})).toEqual([0, 0, 0, null, 0, 0]);
    expect(classes({ no_rope_layers: [0, 1, 1, 1, 1, 0] })).toEqual([null, 0, 0, 0, 0, null]);
  });

  it('Phi-3 is fused and may rotate a part of the head', () => {
    const spec = parseConfig({ ...sizes, model_type: 'phi3', head_dim: 64, partial_rotary_factor: 0.75 });
    expect(spec.ropeClasses[0]?.dim).toBe(48);
    expect(spec).toMatchObject({ attention: { fusedQkv: true }, feedForward: { fusedGateUp: true } });
  });

  it('the context grows by a scaling that the stated length does not include', () => {
    const context = (rope_scaling: object) =>
      parseConfig({ ...sizes, model_type: 'llama', rope_scaling }).contextLength;
    expect(context({ rope_type: 'yarn', factor: 4, original_max_position_embeddings: 4096 })).toBe(16_384);
    expect(context({ rope_type: 'yarn', factor: 4, original_max_position_embeddings: 1024 })).toBe(4096);
    expect(context({ rope_type: 'dynamic', factor: 2 })).toBe(8192);
  });

  it('keys that change nothing, and null, are no reason to refuse a scaling', () => {
    const rope_scaling = { type: 'linear', factor: 2, finetuned: true, beta_fast: null };
    expect(parseConfig({ ...sizes, model_type: 'llama', rope_scaling }).ropeClasses[0]?.scaling.kind).toBe('linear');
  });

  it.each([
    [{ model_type: 'mixtral' }, /Architecture "mixtral" is not supported/],
    [{ model_type: 'toString' }, /Architecture "toString" is not supported/],
    [{ model_type: undefined, architectures: ['XModel'] }, /\["XModel"\] is not supported/],
    [{ hidden_act: 'relu2' }, /Activation "relu2" is not supported \(config.hidden_act\)/],
    [{ head_dim: 24 }, /Head dimension 24/],
    [{ head_dim: 512 }, /Head dimension 512/],
    [{ layer_types: new Array(6).fill('chunked_attention') }, /Layer type "chunked_attention"/],
    [{ rope_scaling: { type: 'mrope' } }, /RoPE type "mrope"/],
    [{ rope_scaling: { type: 'linear', factor: 2, alpha: 3 } }, /RoPE type "linear" .*rope_scaling.alpha/],
    [{ rope_scaling: { type: 'dynamic', factor: 2, low_freq_factor: 1 } }, /"dynamic" .*rope_scaling.low_freq_factor/],
    [{ rope_scaling: { rope_type: 'yarn', factor: 2, attn_factor: 2 } }, /"yarn" .*rope_scaling.attn_factor/],
    [{ rope_scaling: { rope_type: 'default', factor: 2 } }, /"default" .*rope_scaling.factor/],
    [{ rope_parameters: { rope_theta: 1e4, mrope_section: [1, 2] } }, /"default" .*rope_parameters.mrope_section/],
    [{ quantization_config: { quant_method: 'gptq' } }, /Weight quantisation "gptq"/],
    [{ num_hidden_layers: 0 }, /config.num_hidden_layers must be an integer from 1 to 1024/],
    [{ num_hidden_layers: 1e9 }, /config.num_hidden_layers/],
    [{ hidden_size: '64' }, /config.hidden_size must be an integer/],
    [{ num_key_value_heads: 3 }, /num_key_value_heads must divide/],
    [{ rms_norm_eps: null }, /config.rms_norm_eps must be a number from 1e-12 to 0.1, but is null/],
    [{ partial_rotary_factor: 0.5 }, /Partial rotation in llama/],
    [{ tie_word_embeddings: 'yes' }, /config.tie_word_embeddings must be true or false/],
  ])('refuses %j and names the key', (change, message) => {
    expect(() => parseConfig({ ...sizes, model_type: 'llama', ...change })).toThrow(message);
  });
});
