import type { Activation, ModelShape, RopeClass } from '../manifest.js';
import { invalidConfig, shownValue, unsupportedConfig } from './config-error.js';
import { ConfigReader, type ConfigValues } from './config-reader.js';
import type { Family } from './families.js';
import { parseLayerAttention } from './layer-attention.js';
import type { ModelSpec } from './model-spec.js';
import { MAX_CONTEXT_TOKENS, type NumberKey } from './number-ranges.js';
import { parseRopeClass, type RopeContext } from './rope-config.js';
import { findFamily, refuseQuantised } from './supported-model.js';

const MIN_HEAD_DIM = 32;
const MAX_HEAD_DIM = 256;
/** Query rows of one layer; the attention output is as wide. */
const MAX_QUERY_ROWS = 2 ** 18;

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu_erf',
  gelu_pytorch_tanh: 'gelu_tanh',
  gelu_new: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
};

function parseShape(config: ConfigReader): ModelShape {
  const heads = config.number('num_attention_heads');
  const hiddenSize = config.number('hidden_size');
  const kvHeads = config.optionalNumber('num_key_value_heads') ?? heads;
  if (heads % kvHeads !== 0) {
    throw invalidConfig(
      config.name('num_key_value_heads'),
      `must divide num_attention_heads (${heads}), but is ${kvHeads}`,
    );
  }
  return {
    layers: config.number('num_hidden_layers'),
    hiddenSize,
    intermediateSize: config.number('intermediate_size'),
    heads,
    kvHeads,
    headDim: parseHeadDim(config, hiddenSize, heads),
    vocabSize: config.number('vocab_size'),
  };
}

function parseHeadDim(config: ConfigReader, hiddenSize: number, heads: number): number {
  const headDim = config.optionalNumber('head_dim') ?? hiddenSize / heads;
  if (!Number.isInteger(headDim)) {
    throw invalidConfig(
      config.name('hidden_size'),
      `must be divisible by num_attention_heads (${heads}), but is ${hiddenSize}`,
    );
  }
  if (headDim < MIN_HEAD_DIM || headDim > MAX_HEAD_DIM || headDim % 16 !== 0) {
    throw unsupportedConfig(
      config.name('head_dim'),
      `Head dimension ${headDim} (${MIN_HEAD_DIM} to ${MAX_HEAD_DIM} in steps of 16)`,
    );
  }
  if (heads * headDim > MAX_QUERY_ROWS) {
    throw invalidConfig(
      config.name('num_attention_heads'),
      `times head_dim must be at most ${MAX_QUERY_ROWS}, but is ${heads} times ${headDim}`,
    );
  }
  return headDim;
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
  const partial = full.optionalNumber('partial_rotary_factor') ?? config.number('partial_rotary_factor');
  const dim = Math.trunc(headDim * partial);
  // Two dimensions more than one pair: dynamic scaling divides by dim - 2.
  if (dim % 2 !== 0 || dim < 4) {
    throw invalidConfig(
      config.name('partial_rotary_factor'),
      `must leave an even number of rotary dimensions, 4 or more, but ${partial} of ${headDim} leaves ${dim}`,
    );
  }
  const context: RopeContext = {
    dim,
    maxPositions: config.number('max_position_embeddings'),
    originalPositions: config.optionalNumber('original_max_position_embeddings'),
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
  const tokens = scaledContext(config.number('max_position_embeddings'), family, rope);
  if (tokens <= MAX_CONTEXT_TOKENS) return tokens;
  throw invalidConfig(
    config.name('max_position_embeddings'),
    `times the factor of rope_scaling must be at most ${MAX_CONTEXT_TOKENS} tokens, but is ${tokens}`,
  );
}

function scaledContext(stated: number, family: Family, { scaling }: RopeClass): number {
  if (scaling.kind === 'yarn') return Math.max(stated, Math.floor(scaling.originalContext * scaling.factor));
  const scaled = scaling.kind === 'dynamic' || (scaling.kind === 'linear' && family.name !== 'gemma3_text');
  return scaled ? Math.floor(stated * scaling.factor) : stated;
}

function parseActivation(config: ConfigReader, family: Family): Activation {
  const name = config.string(family.activationKey);
  const activation = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  if (!activation) throw unsupportedConfig(config.name(family.activationKey), `Activation ${shownValue(name)}`);
  return activation;
}

function refuseUnsupported(config: ConfigReader, family: Family): void {
  refuseQuantised(config.values());
  if (config.values()['use_bidirectional_attention'] === true) {
    throw unsupportedConfig(config.name('use_bidirectional_attention'), 'Bidirectional attention');
  }
  for (const [rule, key] of [
    [family.qkvBias, 'attention_bias'],
    [family.feedForwardBias, 'mlp_bias'],
  ] as const) {
    if (rule === 'never' && config.boolean(key)) throw unsupportedConfig(config.name(key), `A bias in ${family.name}`);
  }
  if (family.name !== 'phi3' && config.number('partial_rotary_factor') !== 1) {
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
  const scalar = family.gemma ? config.number('query_pre_attn_scalar') : shape.headDim;
  const softcap = (key: NumberKey) => (family.gemma ? config.optionalNumber(key) : null);
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
    norms: { eps: config.number('rms_norm_eps'), plusOne: family.gemma, post: family.gemma },
    embeddingScale: family.gemma ? Math.sqrt(shape.hiddenSize) : null,
    tiedEmbeddings: config.has('tie_word_embeddings') ? config.boolean('tie_word_embeddings') : null,
    finalSoftcap: softcap('final_logit_softcapping'),
  };
}
