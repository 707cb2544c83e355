import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { parseJsonObject } from '../checkpoint/json-object.js';
import { parseConfig } from '../config/parse-config.js';
import { decoderFacts, type ModelSpec } from '../config/model-spec.js';
import { checkTokenizer } from '../import/check-tokenizer.js';
import { generationDefaults } from '../import/generation-defaults.js';
import { tokenizerFacts } from '../import/tokenizer-facts.js';
import { PACKAGE_VERSION } from '../manifest.js';
import { manifestSchema } from '../package/manifest-schema.js';
import { ropeTables } from '../rope/rope-tables.js';

/** The JSON files of a checkpoint, as bytes. */
export interface JsonFiles {
  readonly config: Uint8Array;
  readonly generationConfig: Uint8Array;
  readonly tokenizer: Uint8Array;
  readonly tokenizerConfig: Uint8Array;
}

export type JsonFile = keyof JsonFiles;

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** Sound files, with something of every kind that is read. */
export function jsonSeeds(): JsonFiles[] {
  return ROPES.map((rope, index) => ({
    config: encode({ ...SIZES, model_type: index % 2 === 0 ? 'llama' : 'mistral', rope_scaling: rope }),
    generationConfig: encode({ eos_token_id: [1, 2], do_sample: true, temperature: 0.7, top_p: 0.9, top_k: 20 }),
    tokenizer: encode(index % 2 === 0 ? BYTE_LEVEL : SENTENCEPIECE),
    tokenizerConfig: encode({ bos_token: '<s>', eos_token: { content: '</s>' }, add_bos_token: true }),
  }));
}

const SIZES = {
  vocab_size: 16,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 32,
  max_position_embeddings: 4096,
  original_max_position_embeddings: 1024,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  sliding_window: 64,
  layer_types: ['full_attention', 'sliding_attention'],
  hidden_act: 'silu',
  eos_token_id: [1, 2],
  bos_token_id: 0,
  tie_word_embeddings: true,
};

const ROPES: readonly unknown[] = [
  { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 1024, beta_fast: 32, beta_slow: 1, mscale: 1 },
  { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 1024 },
  { type: 'longrope', short_factor: new Array(16).fill(1), long_factor: new Array(16).fill(2) },
  { type: 'dynamic', factor: 2 },
];

const ADDED = ['<s>', '</s>', '<|end|>'].map((content, id) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
}));

const BYTE_LEVEL = {
  added_tokens: ADDED,
  normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Strip' }] },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { String: 'c' }, behavior: 'Isolated', invert: false },
      { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
    ],
  },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    special_tokens: { '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] } },
  },
  decoder: { type: 'ByteLevel' },
  model: { type: 'BPE', vocab: { a: 3, b: 4, ab: 5, Ġ: 6, c: 7 }, merges: [['a', 'b']], ignore_merges: true },
};

const SENTENCEPIECE = {
  added_tokens: ADDED,
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
  pre_tokenizer: null,
  post_processor: null,
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  model: {
    type: 'BPE',
    unk_token: '<s>',
    fuse_unk: true,
    byte_fallback: true,
    vocab: { '▁': 3, a: 4, b: 5, '▁a': 6, '<0x41>': 7 },
    merges: ['▁ a'],
  },
};

const TEXTS = ['ab a</s>b', ' \u00e9\u6a21\ud83d\ude00', '<s>a'];

/**
 * Reads the JSON files as an import does, and uses what was accepted as a server does.
 *
 * @throws AppError for what is refused; any other error is a defect.
 */
export function readJsonFiles(files: JsonFiles): void {
  const config = parseJsonObject('config.json', files.config);
  const spec = parseConfig(config);
  const generationConfig = parseJsonObject('generation_config.json', files.generationConfig);
  const { vocabSize } = spec.shape;
  const tokenizerFiles = {
    tokenizerJson: files.tokenizer,
    tokenizerConfigJson: files.tokenizerConfig,
    chatTemplate: null,
  };
  const checked = checkTokenizer(tokenizerFiles, vocabSize);
  const checkpoint: Pick<Checkpoint, 'config' | 'generationConfig'> = { config, generationConfig };
  const tokenizer = tokenizerFacts(checkpoint, checked, vocabSize);
  assertServable(spec, { tokenizer, generation: generationDefaults(generationConfig, vocabSize) });
  // Expressions of a checkpoint are run in the sandbox only, which has tests of its own.
  if (checked.built.foreignPatterns.length > 0) return;
  for (const text of TEXTS) {
    const ids = checked.built.encode(text, { parseSpecial: true });
    const outside = ids.find((id) => id < 0 || id >= vocabSize);
    if (outside !== undefined) throw new Error(`the id ${outside} has no row`);
    checked.built.decode(ids);
  }
}

type Facts = {
  tokenizer: ReturnType<typeof tokenizerFacts>;
  generation: ReturnType<typeof generationDefaults>;
};

/** What a server does with a manifest that an import wrote. */
function assertServable(spec: ModelSpec, { tokenizer, generation }: Facts): void {
  const sha256 = '0'.repeat(64);
  manifestSchema.parse({
    format: 'longhaul-model',
    version: PACKAGE_VERSION,
    name: 'fuzz',
    family: spec.family,
    shape: spec.shape,
    ropeClasses: spec.ropeClasses,
    layerAttention: spec.layerAttention,
    decoder: decoderFacts(spec),
    contextLength: spec.contextLength,
    weights: { scheme: 'int8', bytes: 1, sha256 },
    tokenizer: { sha256, ...tokenizer },
    generation,
    files: {},
    fingerprint: sha256,
    createdUnixS: 0,
    source: 'fuzz',
  });
  for (const rope of spec.ropeClasses) {
    for (const length of [1, spec.contextLength]) {
      const { invFreq, scale } = ropeTables(rope, length);
      if (!invFreq.every(Number.isFinite) || !Number.isFinite(Math.fround(scale))) throw new Error('a table overflows');
    }
  }
}
