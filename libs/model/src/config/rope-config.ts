import type { RopeClass, RopeScaling } from '../manifest.js';
import { invalidConfig, unsupportedConfig } from './config-error.js';
import type { ConfigReader } from './config-reader.js';

/** What RoPE needs from the rest of the configuration. */
export interface RopeContext {
  /** Rotary dimensions. */
  dim: number;
  maxPositions: number;
  /** `original_max_position_embeddings` at the top level (Phi-3); null where absent. */
  originalPositions: number | null;
}

type ScalingParser = (params: ConfigReader, context: RopeContext) => RopeScaling;

const isPositive = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0;

function originalContext(params: ConfigReader, context: RopeContext): number {
  if (params.has('original_max_position_embeddings')) return params.integer('original_max_position_embeddings');
  return context.originalPositions ?? context.maxPositions;
}

/** YaRN's temperature for a scale: 0.1 * weight * ln(factor) + 1. */
export function yarnMagnitude(factor: number, weight = 1): number {
  return factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1;
}

function yarn(params: ConfigReader, context: RopeContext): RopeScaling {
  const original = originalContext(params, context);
  const factor = params.optionalPositive('factor') ?? context.maxPositions / original;
  const magnitude = params.optionalPositive('mscale');
  const magnitudeAll = params.optionalPositive('mscale_all_dim');
  const computed =
    magnitude !== null && magnitudeAll !== null
      ? yarnMagnitude(factor, magnitude) / yarnMagnitude(factor, magnitudeAll)
      : yarnMagnitude(factor);
  return {
    kind: 'yarn',
    factor,
    originalContext: original,
    betaFast: params.optionalPositive('beta_fast') ?? 32,
    betaSlow: params.optionalPositive('beta_slow') ?? 1,
    attentionFactor: params.optionalPositive('attention_factor') ?? computed,
    truncate: params.has('truncate') ? params.boolean('truncate') : true,
  };
}

function llama3(params: ConfigReader): RopeScaling {
  const lowFreqFactor = params.positive('low_freq_factor');
  const highFreqFactor = params.positive('high_freq_factor');
  if (highFreqFactor <= lowFreqFactor) {
    throw invalidConfig(params.name('high_freq_factor'), 'must be above low_freq_factor');
  }
  const original = params.integer('original_max_position_embeddings');
  return {
    kind: 'llama3',
    factor: params.positive('factor'),
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
  const factor = params.optionalPositive('factor') ?? context.maxPositions / original;
  const computed = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  return {
    kind: 'longrope',
    shortFactor: params.array('short_factor', context.dim / 2, isPositive),
    longFactor: params.array('long_factor', context.dim / 2, isPositive),
    originalContext: original,
    attentionFactor: params.optionalPositive('attention_factor') ?? computed,
  };
}

const PARSERS: Readonly<Record<string, ScalingParser>> = {
  default: () => ({ kind: 'default' }),
  linear: (params) => ({ kind: 'linear', factor: params.positive('factor') }),
  dynamic: (params, context) => ({
    kind: 'dynamic',
    factor: params.positive('factor'),
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
 * @throws AppError `UNSUPPORTED_CONFIG` naming a rope type that is not known, `CONFIG_INVALID` for a bad value.
 */
export function parseRopeClass(params: ConfigReader, context: RopeContext): RopeClass {
  const key = params.has('rope_type') ? 'rope_type' : 'type';
  const type = params.has(key) ? params.string(key) : 'default';
  const parse = Object.hasOwn(PARSERS, type) ? PARSERS[type] : undefined;
  if (!parse) throw unsupportedConfig(params.name(key), `RoPE type "${type}"`);
  return { theta: params.positive('rope_theta'), dim: context.dim, scaling: parse(params, context) };
}
