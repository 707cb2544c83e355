import type { ConfigValues } from './config-reader.js';
import type { FamilyName } from './model-spec.js';

/** What sets a family apart beyond the values of its configuration. */
export interface Family {
  name: FamilyName;
  /** Hugging Face's defaults of the keys that a config.json may leave out. */
  defaults: ConfigValues;
  /** Bias of q, k and v (and of o where `output`): always, by the key `attention_bias`, or never. */
  qkvBias: 'always' | 'attention_bias' | 'never';
  outputBias: 'attention_bias' | 'never';
  feedForwardBias: 'mlp_bias' | 'never';
  qkNorm: boolean;
  /** qkv and gate_up are stored fused. */
  fused: boolean;
  /** Gemma's arrangement: norms before and after, stored less one; embeddings scaled by sqrt(hidden). */
  gemma: boolean;
  /** Key of the activation. */
  activationKey: 'hidden_act' | 'hidden_activation';
  /** Which layers slide when `layer_types` does not say. */
  sliding: 'all' | 'from_max_window_layers' | 'even_layers' | 'by_pattern' | 'without_rope';
}

const common = {
  hidden_act: 'silu',
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
  attention_bias: false,
  mlp_bias: false,
  partial_rotary_factor: 1,
};

const plain = {
  qkvBias: 'attention_bias',
  outputBias: 'attention_bias',
  feedForwardBias: 'never',
  qkNorm: false,
  fused: false,
  gemma: false,
  activationKey: 'hidden_act',
  sliding: 'all',
} as const;

const gemmaDefaults = {
  ...common,
  hidden_activation: 'gelu_pytorch_tanh',
  head_dim: 256,
  num_key_value_heads: 4,
  query_pre_attn_scalar: 256,
  sliding_window: 4096,
  tie_word_embeddings: true,
};

const qwenWindow = { use_sliding_window: false, sliding_window: 4096, max_window_layers: 28 };

/** The families that can be imported, by `model_type`. */
export const FAMILIES: Readonly<Record<FamilyName, Family>> = {
  llama: {
    ...plain,
    name: 'llama',
    defaults: { ...common, max_position_embeddings: 2048 },
    feedForwardBias: 'mlp_bias',
  },
  mistral: {
    ...plain,
    name: 'mistral',
    defaults: { ...common, max_position_embeddings: 131_072, num_key_value_heads: 8, sliding_window: 4096 },
    qkvBias: 'never',
    outputBias: 'never',
  },
  qwen2: {
    ...plain,
    name: 'qwen2',
    defaults: { ...common, ...qwenWindow, max_position_embeddings: 32_768, num_key_value_heads: 32 },
    qkvBias: 'always',
    outputBias: 'never',
    sliding: 'from_max_window_layers',
  },
  qwen3: {
    ...plain,
    name: 'qwen3',
    defaults: { ...common, ...qwenWindow, max_position_embeddings: 32_768, num_key_value_heads: 32, head_dim: 128 },
    qkNorm: true,
    sliding: 'from_max_window_layers',
  },
  phi3: {
    ...plain,
    name: 'phi3',
    defaults: {
      ...common,
      rms_norm_eps: 1e-5,
      max_position_embeddings: 4096,
      original_max_position_embeddings: 4096,
    },
    qkvBias: 'never',
    outputBias: 'never',
    fused: true,
  },
  gemma2: {
    ...plain,
    name: 'gemma2',
    defaults: {
      ...gemmaDefaults,
      max_position_embeddings: 8192,
      attn_logit_softcapping: 50,
      final_logit_softcapping: 30,
    },
    gemma: true,
    activationKey: 'hidden_activation',
    sliding: 'even_layers',
  },
  gemma3_text: {
    ...plain,
    name: 'gemma3_text',
    defaults: {
      ...gemmaDefaults,
      vocab_size: 262_208,
      hidden_size: 2304,
      intermediate_size: 9216,
      num_hidden_layers: 26,
      num_attention_heads: 8,
      max_position_embeddings: 131_072,
      rope_theta: 1_000_000,
      rope_local_base_freq: 10_000,
      sliding_window_pattern: 6,
    },
    qkNorm: true,
    gemma: true,
    activationKey: 'hidden_activation',
    sliding: 'by_pattern',
  },
  smollm3: {
    ...plain,
    name: 'smollm3',
    defaults: {
      ...common,
      max_position_embeddings: 32_768,
      num_key_value_heads: 4,
      rope_theta: 2_000_000,
      use_sliding_window: false,
      no_rope_layer_interval: 4,
      tie_word_embeddings: true,
    },
    feedForwardBias: 'mlp_bias',
    sliding: 'without_rope',
  },
};
