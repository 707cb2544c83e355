import { AppError } from '@longhaul/kernel';
import type { ModelShape, RopeClass } from '../manifest.js';
import { invalidConfig, unsupportedConfig } from './config-error.js';
import { asRecord, ConfigReader, type ConfigValues } from './config-reader.js';
import { FAMILIES, type Family } from './families.js';
import { parseLayerAttention } from './layer-attention.js';
import type { Activation, ModelSpec } from './model-spec.js';
import { parseRopeClass, type RopeContext } from './rope-config.js';

const MAX_LAYERS = 1024;
const MAX_HEAD_DIM = 256;

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu_erf',
  gelu_pytorch_tanh: 'gelu_tanh',
  gelu_new: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
};

function findFamily(config: ConfigValues): { family: Family; values: ConfigValues } {
  const type = config['model_type'];
  if (type === 'gemma3') {
    const text = asRecord(config['text_config'], 'config.text_config');
    const tied = config['tie_word_embeddings'];
    return { family: FAMILIES.gemma3_text, values: tied === undefined ? text : { tie_word_embeddings: tied, ...text } };
  }
  if (typeof type === 'string' && Object.hasOwn(FAMILIES, type)) {
    return { family: FAMILIES[type as keyof typeof FAMILIES], values: config };
  }
  throw new AppError({
    code: 'UNIMPLEMENTED',
    reason: 'UNSUPPORTED_ARCHITECTURE',
    message:
      `Architecture ${JSON.stringify(type ?? config['architectures'] ?? null)} is not supported; ` +
      `supported: ${Object.keys(FAMILIES).join(', ')}.`,
    field: 'config.model_type',
  });
}

function parseShape(config: ConfigReader): ModelShape {
  const heads = config.integer('num_attention_heads');
  const hiddenSize = config.integer('hidden_size');
  const kvHeads = config.has('num_key_value_heads') ? config.integer('num_key_value_heads') : heads;
  const headDim = config.has('head_dim') ? config.integer('head_dim') : hiddenSize / heads;
  if (heads % kvHeads !== 0) throw invalidConfig(config.name('num_key_value_heads'), 'must divide num_attention_heads');
  if (!Number.isInteger(headDim))
    throw invalidConfig(config.name('hidden_size'), 'must be divisible by num_attention_heads');
  if (headDim < 32 || headDim > MAX_HEAD_DIM || headDim % 16 !== 0) {
    throw unsupportedConfig(config.name('head_dim'), `Head dimension ${headDim} (32 to 256 in steps of 16)`);
  }
  return {
    layers: config.integer('num_hidden_layers', MAX_LAYERS),
    hiddenSize,
    intermediateSize: config.integer('intermediate_size'),
    heads,
    kvHeads,
    headDim,
    vocabSize: config.integer('vocab_size'),
  };
}

/** `rope_parameters`, flat or per layer type, or the older keys merged into the same form. */
function ropeParameters(config: ConfigReader, layerType: string, thetaKey: string): ConfigReader {
  const theta = { rope_theta: config.values()[thetaKey] };
  if (!config.has('rope_parameters')) {
    const sliding = layerType === 'sliding_attention';
    const scaling = config.has('rope_scaling') && !sliding ? config.child('rope_scaling').values() : {};
    return new ConfigReader({ ...theta, ...scaling }, config.name('rope_scaling.'));
  }
  const nested = config.child('rope_parameters');
  if (nested.has(layerType)) {
    return new ConfigReader(
      { ...theta, ...nested.child(layerType).values() },
      config.name(`rope_parameters.${layerType}.`),
    );
  }
  const own = layerType === 'full_attention' ? nested.values() : {};
  return new ConfigReader({ ...theta, ...own }, config.name('rope_parameters.'));
}

function parseRope(config: ConfigReader, family: Family, headDim: number): readonly RopeClass[] {
  const full = ropeParameters(config, 'full_attention', 'rope_theta');
  const partial = full.optionalPositive('partial_rotary_factor') ?? config.positive('partial_rotary_factor');
  const dim = Math.trunc(headDim * partial);
  if (partial > 1 || dim % 2 !== 0 || dim < 2) {
    throw invalidConfig(config.name('partial_rotary_factor'), 'must leave an even number of rotary dimensions');
  }
  const context: RopeContext = {
    dim,
    maxPositions: config.integer('max_position_embeddings'),
    originalPositions: config.has('original_max_position_embeddings')
      ? config.integer('original_max_position_embeddings')
      : null,
  };
  const classes = [parseRopeClass(full, context)];
  if (family.name === 'gemma3_text') {
    const sliding = ropeParameters(config, 'sliding_attention', 'rope_local_base_freq');
    classes.push(parseRopeClass(sliding, context));
  }
  return classes;
}

/** Checkpoints with linear, dynamic or YaRN scaling state the length before it, but for Gemma 3. */
function contextLength(config: ConfigReader, family: Family, rope: RopeClass): number {
  const stated = config.integer('max_position_embeddings');
  const { scaling } = rope;
  if (scaling.kind === 'yarn') return Math.max(stated, Math.floor(scaling.originalContext * scaling.factor));
  const scaled = scaling.kind === 'dynamic' || (scaling.kind === 'linear' && family.name !== 'gemma3_text');
  return scaled ? Math.floor(stated * scaling.factor) : stated;
}

function parseActivation(config: ConfigReader, family: Family): Activation {
  const name = config.string(family.activationKey);
  const activation = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  if (!activation) throw unsupportedConfig(config.name(family.activationKey), `Activation "${name}"`);
  return activation;
}

function refuseUnsupported(config: ConfigReader, family: Family): void {
  if (config.has('quantization_config')) {
    const method = config.child('quantization_config').values()['quant_method'];
    throw unsupportedConfig(
      config.name('quantization_config'),
      `Weight quantisation ${JSON.stringify(method ?? null)}`,
    );
  }
  if (config.values()['use_bidirectional_attention'] === true) {
    throw unsupportedConfig(config.name('use_bidirectional_attention'), 'Bidirectional attention');
  }
  for (const [rule, key] of [
    [family.qkvBias, 'attention_bias'],
    [family.feedForwardBias, 'mlp_bias'],
  ] as const) {
    if (rule === 'never' && config.boolean(key)) throw unsupportedConfig(config.name(key), `A bias in ${family.name}`);
  }
  if (family.name !== 'phi3' && config.positive('partial_rotary_factor') !== 1) {
    throw unsupportedConfig(config.name('partial_rotary_factor'), `Partial rotation in ${family.name}`);
  }
}

/**
 * Turns config.json (of transformers 4 or 5) into the specification of a decoder.
 *
 * @throws AppError `UNSUPPORTED_ARCHITECTURE`, `UNSUPPORTED_CONFIG` or `CONFIG_INVALID`, naming the key.
 */
export function parseConfig(raw: ConfigValues): ModelSpec {
  const { family, values } = findFamily(raw);
  const config = new ConfigReader({ ...family.defaults, ...values }, 'config.');
  refuseUnsupported(config, family);
  const shape = parseShape(config);
  const ropeClasses = parseRope(config, family, shape.headDim);
  const scalar = family.gemma ? config.positive('query_pre_attn_scalar') : shape.headDim;
  const softcap = (key: string) => (family.gemma ? config.optionalPositive(key) : null);
  return {
    family: family.name,
    shape,
    contextLength: contextLength(config, family, ropeClasses[0] as RopeClass),
    ropeClasses,
    layerAttention: parseLayerAttention(config, family, shape.layers),
    attention: {
      qkvBias: family.qkvBias === 'always' || (family.qkvBias === 'attention_bias' && config.boolean('attention_bias')),
      outputBias: family.outputBias === 'attention_bias' && config.boolean('attention_bias'),
      qkNorm: family.qkNorm,
      fusedQkv: family.fused,
      scale: 1 / Math.sqrt(scalar),
      softcap: softcap('attn_logit_softcapping'),
    },
    feedForward: {
      activation: parseActivation(config, family),
      bias: family.feedForwardBias === 'mlp_bias' && config.boolean('mlp_bias'),
      fusedGateUp: family.fused,
    },
    norms: { eps: config.positive('rms_norm_eps'), plusOne: family.gemma, post: family.gemma },
    embeddingScale: family.gemma ? Math.sqrt(shape.hiddenSize) : null,
    tiedEmbeddings: config.has('tie_word_embeddings') ? config.boolean('tie_word_embeddings') : null,
    finalSoftcap: softcap('final_logit_softcapping'),
  };
}
