import type { Architecture } from './architectures.js';

/** Tensors outside the layers. */
const GLOBAL: Readonly<Record<string, string>> = {
  'token_embd.weight': 'model.embed_tokens.weight',
  'output_norm.weight': 'model.norm.weight',
  'output.weight': 'lm_head.weight',
};

/** Tensors that hold RoPE factors; they become part of the configuration. */
export const ROPE_TENSORS = ['rope_freqs.weight', 'rope_factors_short.weight', 'rope_factors_long.weight'] as const;

/** Modules of a layer, by the part of the name between `blk.N.` and `.weight` or `.bias`. */
const LAYER: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_qkv: 'self_attn.qkv_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  attn_output: 'self_attn.o_proj',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

const TWO_NORMS: Readonly<Record<string, string>> = { ffn_norm: 'post_attention_layernorm' };

const FOUR_NORMS: Readonly<Record<string, string>> = {
  post_attention_norm: 'post_attention_layernorm',
  ffn_norm: 'pre_feedforward_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
};

/**
 * The Hugging Face name of a GGUF tensor; null for one that this architecture does not have.
 *
 * Phi-3 stores gate and up projection as one tensor under the name of the up projection.
 */
export function huggingfaceName(name: string, architecture: Architecture): string | null {
  const global = GLOBAL[name];
  if (global !== undefined) return global;
  const match = /^blk\.(\d+)\.([a-z_]+)\.(weight|bias)$/.exec(name);
  if (!match) return null;
  const [, layer, part, kind] = match as unknown as [string, string, string, string];
  const norms = architecture.sandwichNorms ? FOUR_NORMS : TWO_NORMS;
  const fused = architecture.modelType === 'phi3' && part === 'ffn_up';
  const module = fused ? 'mlp.gate_up_proj' : (LAYER[part] ?? norms[part]);
  return module === undefined ? null : `model.layers.${layer}.${module}.${kind}`;
}
