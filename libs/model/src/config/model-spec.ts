import type { Activation, DecoderFacts, LayerAttention, ModelShape, RopeClass } from '../manifest.js';

/** Families by their Hugging Face `model_type`; `gemma3` with a `text_config` becomes `gemma3_text`. */
export type FamilyName = 'llama' | 'mistral' | 'qwen2' | 'qwen3' | 'phi3' | 'gemma2' | 'gemma3_text' | 'smollm3';

/**
 * Everything about a decoder that its graph depends on, with the names, defaults and versions of config.json resolved.
 * All families are one decoder with these switches.
 */
export interface ModelSpec {
  family: FamilyName;
  shape: ModelShape;
  /** Tokens the model is meant for, its RoPE scaling included. */
  contextLength: number;
  ropeClasses: readonly RopeClass[];
  layerAttention: readonly LayerAttention[];
  attention: {
    qkvBias: boolean;
    outputBias: boolean;
    /** RMS norm over each head's query and key, before the rotation. */
    qkNorm: boolean;
    /** One tensor `qkv_proj` instead of three. */
    fusedQkv: boolean;
    /** Multiplies the scores. */
    scale: number;
    /** cap * tanh(score / cap); null: none. */
    softcap: number | null;
  };
  feedForward: {
    activation: Activation;
    bias: boolean;
    /** One tensor `gate_up_proj` (gate rows first) instead of two. */
    fusedGateUp: boolean;
  };
  norms: {
    eps: number;
    /** The weights are stored less one. */
    plusOne: boolean;
    /** Norms after attention and feed-forward as well as before them. */
    post: boolean;
  };
  /** Multiplies the embeddings; null: none. */
  embeddingScale: number | null;
  /** Whether the output head is the embedding table; null: untied if the checkpoint has a head. */
  tiedEmbeddings: boolean | null;
  finalSoftcap: number | null;
}

/** What a package keeps of a specification beside shape, layers and RoPE: how its tensors are spelled is settled by then. */
export function decoderFacts(spec: ModelSpec): DecoderFacts {
  const { attention, norms, feedForward, embeddingScale, finalSoftcap } = spec;
  return {
    attentionScale: attention.scale,
    attentionSoftcap: attention.softcap,
    qkNorm: attention.qkNorm,
    normEps: norms.eps,
    postNorms: norms.post,
    activation: feedForward.activation,
    embeddingScale,
    finalSoftcap,
  };
}
