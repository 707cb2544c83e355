/** Element types of a checkpoint's tensors as they are stored; every reader hands them out as f32. */
export type StoredType = 'F32' | 'F16' | 'BF16' | 'Q8_0' | 'Q4_0' | 'Q4_1' | 'Q5_0' | 'Q5_1' | 'Q4_K' | 'Q5_K' | 'Q6_K';

export interface TensorInfo {
  /** Hugging Face name, for instance `model.layers.0.self_attn.q_proj.weight`. */
  readonly name: string;
  /** Row-major, outermost dimension first, as Hugging Face has it: a linear layer is `[out, in]`. */
  readonly shape: readonly number[];
  readonly dtype: StoredType;
}

export interface TokenizerFiles {
  /** tokenizer.json of Hugging Face `tokenizers`, UTF-8. */
  readonly tokenizerJson: Uint8Array;
  /** tokenizer_config.json, UTF-8; `{}` where the source has none. */
  readonly tokenizerConfigJson: Uint8Array;
  /** Jinja source of the default chat template; null for a base model. */
  readonly chatTemplate: string | null;
}

/**
 * A checkpoint as the importer sees it, whatever file format it comes from: Hugging Face configuration keys, tensor
 * names, row order and norm weights.
 *
 * @remarks Tensors are read by range, so peak memory is the rows asked for and not the checkpoint. Reads may run
 * concurrently. Whoever opens a checkpoint closes it.
 */
export interface Checkpoint {
  readonly kind: 'huggingface' | 'gguf';
  /** config.json; for a GGUF the same keys made from its metadata. */
  readonly config: Readonly<Record<string, unknown>>;
  /** generation_config.json; null where the source has none. */
  readonly generationConfig: Readonly<Record<string, unknown>> | null;
  readonly tensors: ReadonlyMap<string, TensorInfo>;

  /**
   * Reads `rowCount` rows of a tensor as f32, row-major.
   *
   * A row is one index of the first dimension: `shape[1] * shape[2] * ...` values, one value for a tensor of rank 1
   * or 0. Zero rows give an empty array.
   *
   * @throws AppError `TENSOR_NOT_FOUND`, `INVALID_ARGUMENT` for a range outside the tensor, `CHECKPOINT_CORRUPT` when
   * the file ends early.
   */
  readRows(name: string, firstRow: number, rowCount: number): Promise<Float32Array>;

  /** @throws AppError `TOKENIZER_MISSING`, `UNSUPPORTED_TOKENIZER` naming what the source has instead. */
  tokenizerFiles(): Promise<TokenizerFiles>;

  /** Closes the files. Reads after it fail. */
  close(): Promise<void>;
}
