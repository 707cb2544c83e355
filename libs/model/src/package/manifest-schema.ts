import { artefactKinds } from '@longhaul/attention';
import { z } from 'zod';
import {
  DERIVED_FACTOR,
  LONGROPE_FACTOR,
  MAX_CONTEXT_TOKENS,
  MAX_LAYERS,
  NUMBER_RANGES as RANGES,
  type NumberRange,
} from '../config/number-ranges.js';
import { GENERATION_RANGES } from '../import/generation-defaults.js';
import { PACKAGE_VERSION, type ModelManifest } from '../manifest.js';
import { isModelName } from './model-name.js';
import { ARTEFACT_FILE } from './package-files.js';

/** The ranges of the configuration hold here as well: a manifest can be written by hand. */
const within = ({ min, max, integer }: NumberRange) => (integer ? z.int() : z.number()).min(min).max(max);

const MAX_ROPE_CLASSES = 16;
const MAX_FILES = 64;
/** End tokens are a handful; lists of stop words have some dozens. */
const MAX_EOS_TOKENS = 1024;
const MAX_ROTARY_DIM = 256;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const token = z
  .int()
  .min(0)
  .max(RANGES.vocab_size.max - 1);
const originalContext = z.int().min(1).max(MAX_CONTEXT_TOKENS);
const factor = within(RANGES.factor);
const derivedFactor = within(DERIVED_FACTOR);
const attentionFactor = within(RANGES.attention_factor);
const longFactors = z
  .array(within(LONGROPE_FACTOR))
  .min(1)
  .max(MAX_ROTARY_DIM / 2);

const ropeScaling = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('default') }),
  z.object({ kind: z.literal('linear'), factor }),
  z.object({ kind: z.literal('dynamic'), factor, originalContext }),
  z.object({
    kind: z.literal('yarn'),
    factor: derivedFactor,
    originalContext,
    betaFast: within(RANGES.beta_fast),
    betaSlow: within(RANGES.beta_slow),
    attentionFactor,
    truncate: z.boolean(),
  }),
  z.object({
    kind: z.literal('llama3'),
    factor,
    lowFreqFactor: within(RANGES.low_freq_factor),
    highFreqFactor: within(RANGES.high_freq_factor),
    originalContext,
  }),
  z.object({
    kind: z.literal('longrope'),
    shortFactor: longFactors,
    longFactor: longFactors,
    originalContext,
    attentionFactor,
  }),
]);

/** 1 / sqrt of what `query_pre_attn_scalar` and `head_dim` may be. */
const attentionScale = z
  .number()
  .min(1 / Math.sqrt(RANGES.query_pre_attn_scalar.max))
  .max(1 / Math.sqrt(RANGES.query_pre_attn_scalar.min));
const embeddingScale = z.number().min(1).max(Math.sqrt(RANGES.hidden_size.max));

const decoder = z.object({
  attentionScale,
  attentionSoftcap: within(RANGES.attn_logit_softcapping).nullable(),
  qkNorm: z.boolean(),
  normEps: within(RANGES.rms_norm_eps),
  postNorms: z.boolean(),
  activation: z.enum(['silu', 'gelu_tanh', 'gelu_erf']),
  embeddingScale: embeddingScale.nullable(),
  finalSoftcap: within(RANGES.final_logit_softcapping).nullable(),
});

const packagedArtefact = z.object({ file: z.string().regex(ARTEFACT_FILE), bytes: z.int().min(1), sha256 });

/** What a manifest.json of this version looks like. */
export const manifestSchema: z.ZodType<ModelManifest> = z.object({
  format: z.literal('longhaul-model'),
  version: z.literal(PACKAGE_VERSION),
  name: z.string().refine(isModelName, 'not a model name'),
  family: z.string().min(1).max(100),
  shape: z.object({
    layers: within(RANGES.num_hidden_layers),
    hiddenSize: within(RANGES.hidden_size),
    intermediateSize: within(RANGES.intermediate_size),
    heads: within(RANGES.num_attention_heads),
    kvHeads: within(RANGES.num_key_value_heads),
    headDim: within(RANGES.head_dim),
    vocabSize: within(RANGES.vocab_size),
  }),
  ropeClasses: z
    .array(
      z.object({ theta: within(RANGES.rope_theta), dim: z.int().min(2).max(MAX_ROTARY_DIM), scaling: ropeScaling }),
    )
    .min(1)
    .max(MAX_ROPE_CLASSES),
  layerAttention: z
    .array(z.object({ ropeClass: z.int().min(0).nullable(), window: within(RANGES.sliding_window).nullable() }))
    .max(MAX_LAYERS),
  decoder,
  contextLength: within(RANGES.max_position_embeddings),
  weights: z.object({ scheme: z.enum(['f32', 'int8', 'int4']), bytes: z.int().min(1), sha256 }),
  tokenizer: z.object({
    sha256,
    bosTokenId: token.nullable(),
    eosTokenIds: z.array(token).max(MAX_EOS_TOKENS),
    addBos: z.boolean(),
  }),
  generation: z.object({
    temperature: within(GENERATION_RANGES.temperature).exactOptional(),
    topP: within(GENERATION_RANGES.topP).exactOptional(),
    topK: within(GENERATION_RANGES.topK).exactOptional(),
    minP: within(GENERATION_RANGES.minP).exactOptional(),
    repetitionPenalty: within(GENERATION_RANGES.repetitionPenalty).exactOptional(),
  }),
  files: z
    .record(z.string().max(255), z.object({ bytes: z.int().min(0), sha256 }))
    .refine((files) => Object.keys(files).length <= MAX_FILES, `more than ${MAX_FILES} files`),
  artefacts: z.partialRecord(z.enum(artefactKinds), packagedArtefact).exactOptional(),
  fingerprint: sha256,
  createdUnixS: z.int().min(0),
  source: z.string().max(4096),
});
