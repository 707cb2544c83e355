import type { ArtefactKind } from '@longhaul/attention';

/**
 * Version of the package layout, and of what the graph that is built from a package computes: a change of either that
 * alters KV or logits raises it, because KV is kept beyond a process under the package's fingerprint.
 */
export const PACKAGE_VERSION = 2;

/** How the weights of the linear layers are stored. Norms and biases are always f32. */
export type WeightScheme = 'f32' | 'int8' | 'int4';

/** One way of rotating; layers refer to it by index. Every Hugging Face `rope_scaling` kind is one of these. */
export interface RopeClass {
  theta: number;
  /** Rotary dimensions (head_dim x partial_rotary_factor), even. */
  dim: number;
  scaling: RopeScaling;
}

export type RopeScaling =
  | { kind: 'default' }
  | { kind: 'linear'; factor: number }
  | { kind: 'dynamic'; factor: number; originalContext: number }
  | {
      kind: 'yarn';
      factor: number;
      originalContext: number;
      betaFast: number;
      betaSlow: number;
      /** Multiplier of cos and sin, resolved at import. */
      attentionFactor: number;
      truncate: boolean;
    }
  | { kind: 'llama3'; factor: number; lowFreqFactor: number; highFreqFactor: number; originalContext: number }
  | {
      kind: 'longrope';
      shortFactor: readonly number[];
      longFactor: readonly number[];
      originalContext: number;
      attentionFactor: number;
    };

export interface LayerAttention {
  /** Index into `ropeClasses`; null is a layer without rotation (SmolLM3). */
  ropeClass: number | null;
  /** Sliding window in tokens, the current one included; null is full attention. */
  window: number | null;
}

export interface ModelShape {
  layers: number;
  hiddenSize: number;
  intermediateSize: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocabSize: number;
}

export type Activation = 'silu' | 'gelu_tanh' | 'gelu_erf';

/** What the graph of a decoder depends on beside its shape and its weights. */
export interface DecoderFacts {
  /** Multiplies the attention scores. */
  attentionScale: number;
  /** cap * tanh(score / cap); null: none. */
  attentionSoftcap: number | null;
  /** RMS norm over each head's query and key, before the rotation. */
  qkNorm: boolean;
  normEps: number;
  /** Norms after attention and feed-forward as well as before them. */
  postNorms: boolean;
  activation: Activation;
  /** Multiplies the embeddings; null: none. */
  embeddingScale: number | null;
  /** As `attentionSoftcap`, for the logits. */
  finalSoftcap: number | null;
}

/** An artefact of calibration in a package. */
export interface PackagedArtefact {
  /** Name of its file; made of its contents, so that another artefact has another file. */
  file: string;
  bytes: number;
  sha256: string;
}

/**
 * The head of a model package: a directory with this manifest, `weights.bin`, `weights.json` (what lies where in it),
 * `tokenizer.json`, `tokenizer_config.json` and, if the model has one, `chat_template.jinja`. The graph is built from it
 * when a package is loaded.
 */
export interface ModelManifest {
  format: 'longhaul-model';
  /** A reader refuses any other. */
  version: typeof PACKAGE_VERSION;
  name: string;
  /** Model family as in Hugging Face `model_type`: llama, mistral, qwen2, qwen3, phi3, gemma2, gemma3_text, smollm3. */
  family: string;
  shape: ModelShape;
  ropeClasses: readonly RopeClass[];
  layerAttention: readonly LayerAttention[];
  decoder: DecoderFacts;
  contextLength: number;
  weights: { scheme: WeightScheme; bytes: number; sha256: string };
  tokenizer: { sha256: string; bosTokenId: number | null; eosTokenIds: readonly number[]; addBos: boolean };
  /** Sampling defaults from generation_config.json. */
  generation: { temperature?: number; topP?: number; topK?: number; minP?: number; repetitionPenalty?: number };
  /** sha256 and size of every file of the package but artefacts, by name. */
  files: Readonly<Record<string, { bytes: number; sha256: string }>>;
  /** What calibration has found out about the model. Decides no KV value by itself; absent: it has not been calibrated. */
  artefacts?: Readonly<Partial<Record<ArtefactKind, PackagedArtefact>>>;
  /** SHA-256 (hex) over what decides the KV values: architecture, weights, tokenizer, RoPE. */
  fingerprint: string;
  createdUnixS: number;
  source: string;
}
