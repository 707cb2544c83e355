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

/**
 * The head of a model package: a directory with this manifest, `model.onnx`, `weights.bin`, `tokenizer.json`,
 * `tokenizer_config.json` and, if the model has one, `chat_template.jinja`.
 *
 * Graph inputs: input_ids i32[T], rope_inv_freq f32[C,B,P], rope_scale f32[C,B], kv_pool i64[1], cu_seqlens i32[B+1],
 * past_lens i32[B], block_table i32[B,W], logit_rows i32[R]; output: logits f32[R,V].
 */
export interface ModelManifest {
  format: 'longhaul-model';
  /** Version of the package layout; a reader refuses any other. */
  version: 1;
  name: string;
  /** Model family as in Hugging Face `model_type`: llama, mistral, qwen2, qwen3, phi3, gemma2, gemma3_text, smollm3. */
  family: string;
  shape: ModelShape;
  ropeClasses: readonly RopeClass[];
  layerAttention: readonly LayerAttention[];
  contextLength: number;
  weights: { scheme: WeightScheme; bytes: number; sha256: string };
  tokenizer: { sha256: string; bosTokenId: number | null; eosTokenIds: readonly number[]; addBos: boolean };
  /** Sampling defaults from generation_config.json. */
  generation: { temperature?: number; topP?: number; topK?: number; minP?: number; repetitionPenalty?: number };
  /** sha256 and size of every file of the package, by name. */
  files: Readonly<Record<string, { bytes: number; sha256: string }>>;
  /** SHA-256 (hex) over what decides the KV values: architecture, weights, tokenizer, RoPE. */
  fingerprint: string;
  createdUnixS: number;
  source: string;
}
