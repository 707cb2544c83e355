import type { RopeClass, RopeScaling } from '../manifest.js';
import { invalidConfig, shownValue, unsupportedConfig } from './config-error.js';
import type { ConfigReader } from './config-reader.js';
import { DERIVED_FACTOR, describeRange, inRange, LONGROPE_FACTOR } from './number-ranges.js';

/** What RoPE needs from the rest of the configuration. */
export interface RopeContext {
  /** Rotary dimensions. */
  dim: number;
  maxPositions: number;
  /** `original_max_position_embeddings` at the top level (Phi-3); null where absent. */
  originalPositions: number | null;
}

type ScalingParser = (params: ConfigReader, context: RopeContext) => RopeScaling;

const isFactor = (value: unknown): value is number => inRange(value, LONGROPE_FACTOR);

function originalContext(params: ConfigReader, context: RopeContext): number {
  if (params.has('original_max_position_embeddings')) return params.number('original_max_position_embeddings');
  return context.originalPositions ?? context.maxPositions;
}

/** The factor that follows from two lengths where none is stated. */
function derivedFactor(params: ConfigReader, factor: number): number {
  if (inRange(factor, DERIVED_FACTOR)) return factor;
  throw invalidConfig(
    params.name('original_max_position_embeddings'),
    `gives the factor ${factor}, which must be ${describeRange(DERIVED_FACTOR)}`,
  );
}

/** YaRN's temperature for a scale: 0.1 * weight * ln(factor) + 1. */
export function yarnMagnitude(factor: number, weight = 1): number {
  return factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1;
}

function yarn(params: ConfigReader, context: RopeContext): RopeScaling {
  const original = originalContext(params, context);
  const factor = params.optionalNumber('factor') ?? derivedFactor(params, context.maxPositions / original);
  const betaFast = params.optionalNumber('beta_fast') ?? 32;
  const betaSlow = params.optionalNumber('beta_slow') ?? 1;
  if (betaFast < betaSlow) {
    throw invalidConfig(params.name('beta_fast'), `must not be below beta_slow (${betaSlow}), but is ${betaFast}`);
  }
  const magnitude = params.optionalNumber('mscale');
  const magnitudeAll = params.optionalNumber('mscale_all_dim');
  const computed =
    magnitude !== null && magnitudeAll !== null
      ? yarnMagnitude(factor, magnitude) / yarnMagnitude(factor, magnitudeAll)
      : yarnMagnitude(factor);
  return {
    kind: 'yarn',
    factor,
    originalContext: original,
    betaFast,
    betaSlow,
    attentionFactor: params.optionalNumber('attention_factor') ?? computed,
    truncate: params.has('truncate') ? params.boolean('truncate') : true,
  };
}

function llama3(params: ConfigReader): RopeScaling {
  const lowFreqFactor = params.number('low_freq_factor');
  const highFreqFactor = params.number('high_freq_factor');
  if (highFreqFactor <= lowFreqFactor) {
    throw invalidConfig(params.name('high_freq_factor'), 'must be above low_freq_factor');
  }
  const original = params.number('original_max_position_embeddings');
  return {
    kind: 'llama3',
    factor: params.number('factor'),
    lowFreqFactor,
    highFreqFactor,
    originalContext: original,
  };
}

function longrope(params: ConfigReader, context: RopeContext): RopeScaling {
  for (const key of ['short_mscale', 'long_mscale']) {
    if (params.has(key)) throw unsupportedConfig(params.name(key), 'A magnitude per length of longrope');
  }
  const original = originalContext(params, context);
  const factor = params.optionalNumber('factor') ?? derivedFactor(params, context.maxPositions / original);
  const computed = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  return {
    kind: 'longrope',
    shortFactor: params.array('short_factor', context.dim / 2, isFactor),
    longFactor: params.array('long_factor', context.dim / 2, isFactor),
    originalContext: original,
    attentionFactor: params.optionalNumber('attention_factor') ?? computed,
  };
}

/** Keys that any kind of scaling may carry; `finetuned` changes nothing. */
const COMMON_KEYS = ['rope_type', 'type', 'rope_theta', 'partial_rotary_factor', 'finetuned'] as const;
const YARN_KEYS = ['beta_fast', 'beta_slow', 'attention_factor', 'mscale', 'mscale_all_dim', 'truncate'] as const;

/** The other keys that are read, by kind of scaling. */
const KEYS: Readonly<Record<RopeScaling['kind'], readonly string[]>> = {
  default: [],
  linear: ['factor'],
  dynamic: ['factor'],
  yarn: ['factor', 'original_max_position_embeddings', ...YARN_KEYS],
  llama3: ['factor', 'low_freq_factor', 'high_freq_factor', 'original_max_position_embeddings'],
  longrope: ['factor', 'original_max_position_embeddings', 'short_factor', 'long_factor', 'attention_factor'],
};

/** A key that is not read could change the rotation: it is refused, and not left out without a word. */
function refuseUnknownKeys(params: ConfigReader, kind: RopeScaling['kind']): void {
  const known: readonly string[] = [...COMMON_KEYS, ...KEYS[kind]];
  const unknown = Object.keys(params.values()).find((key) => params.has(key) && !known.includes(key));
  if (unknown !== undefined) throw unsupportedConfig(params.name(unknown), `This key with RoPE type "${kind}"`);
}

const PARSERS: Readonly<Record<string, ScalingParser>> = {
  default: () => ({ kind: 'default' }),
  linear: (params) => ({ kind: 'linear', factor: params.number('factor') }),
  dynamic: (params, context) => ({
    kind: 'dynamic',
    factor: params.number('factor'),
    originalContext: context.maxPositions,
  }),
  yarn,
  llama3,
  longrope,
  su: longrope,
};

/**
 * Reads one set of RoPE parameters: `rope_parameters` of transformers 5, or `rope_scaling` of transformers 4 merged
 * with `rope_theta`.
 *
 * @throws AppError `UNSUPPORTED_CONFIG` naming a rope type or a key that is not known, `CONFIG_INVALID` for a bad value.
 */
export function parseRopeClass(params: ConfigReader, context: RopeContext): RopeClass {
  const key = params.has('rope_type') ? 'rope_type' : 'type';
  const type = params.has(key) ? params.string(key) : 'default';
  const parse = Object.hasOwn(PARSERS, type) ? PARSERS[type] : undefined;
  if (!parse) throw unsupportedConfig(params.name(key), `RoPE type ${shownValue(type)}`);
  const scaling = parse(params, context);
  refuseUnknownKeys(params, scaling.kind);
  return { theta: params.number('rope_theta'), dim: context.dim, scaling };
}
