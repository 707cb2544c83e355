/** Bounds on a GGUF file; each is far above what published models need, and each is checked before memory is taken. */
export const GGUF_LIMITS = {
  /** About 40 keys are usual; per-expert or per-layer keys reach a few hundred. */
  metadataEntries: 4096,
  /** Metadata is read whole: a vocabulary of 262,144 with its merges takes about 20 MB. */
  metadataBytes: 128 * 1024 * 1024,
  /** The format's own bound is 65,535; the longest key in use has 60 characters. */
  keyBytes: 1024,
  /** The longest strings are chat templates of 30 kB and copies of tokenizer.json of 33 MB. */
  stringBytes: 64 * 1024 * 1024,
  /** The longest arrays are merges of large vocabularies, about 600,000. */
  arrayLength: 2 ** 21,
  /** Strings of all arrays together; each costs about 40 bytes beside its text. */
  arrayStrings: 2 ** 21,
  /** The largest mixture-of-experts models have about 2,000 tensors (experts are stacked). */
  tensors: 65_536,
  /** ggml itself keeps 64 bytes. */
  tensorNameBytes: 256,
  /** ggml tensors have at most four dimensions. */
  rank: 4,
  /** 32 is the default; the bound keeps the padding behind the header small. */
  alignment: 65_536,
} as const;
