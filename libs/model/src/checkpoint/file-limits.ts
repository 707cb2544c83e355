const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * The most bytes of each kind of file that is read whole; a larger one is refused before and while it is read.
 * Weights are read by range, so their files have no bound here: `SAFETENSORS_LIMITS` and `GGUF_LIMITS` bound what they declare.
 */
export const FILE_LIMITS = {
  /** A few kB; lists per layer make the largest about 100 kB. */
  config: 4 * MIB,
  /** About 1 kB; `bad_words_ids` make the largest about 100 kB. */
  generationConfig: 4 * MIB,
  /** The largest published one (vocabulary of 262,144) is 33 MB. */
  tokenizer: 128 * MIB,
  /** `added_tokens_decoder` makes the largest about 1.2 MB. */
  tokenizerConfig: 16 * MIB,
  /** 1 to 30 kB. */
  chatTemplate: MIB,
  /** It repeats every tensor name: 100,000 of them take about 10 MB. */
  shardIndex: 32 * MIB,
  /** Ours: about 5 kB; a thousand layers take 100 kB. */
  manifest: 4 * MIB,
  /** Ours: about 120 bytes per weight; a thousand layers take 2 MB. */
  weightsIndex: 16 * MIB,
  /** Ours: label channels of 128 layers, 128 heads and 256 dimensions. */
  artefact: 32 * MIB,
  /** Ours: 200 bytes per pulled file. */
  pullReceipt: MIB,
  /** Ours: one line. */
  lock: 4 * KIB,
} as const;

export type FileKind = keyof typeof FILE_LIMITS;
