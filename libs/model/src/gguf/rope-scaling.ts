import { corrupt, unsupported } from '../checkpoint/checkpoint-errors.js';
import { yarnMagnitude } from '../config/rope-config.js';
import type { MetadataView } from './metadata-view.js';
import { refuseUnknownRope } from './rope-keys.js';

/** RoPE factors that a file stores as tensors, one per rotated pair of dimensions. */
export interface RopeFactors {
  /** `rope_freqs.weight`: divisors of the frequencies, as Llama 3.1 makes them. */
  readonly frequencies: Float32Array | null;
  readonly short: Float32Array | null;
  readonly long: Float32Array | null;
}

export interface RopeFacts {
  readonly theta: number;
  readonly rotaryDim: number;
  readonly contextLength: number;
}

type RopeScaling = Readonly<Record<string, unknown>>;

/** Values that published Llama 3.x checkpoints use; a file stores only the factors that follow from them. */
const LLAMA3 = { lowFreqFactor: 1, highFreqFactor: 4, originalContexts: [8192, 4096, 16384, 32768] } as const;
const TOLERANCE = 1e-4;

/**
 * `rope_scaling` of Hugging Face from the metadata under `<architecture>.rope.scaling` and the factor tensors; null for
 * plain RoPE.
 *
 * @throws AppError `UNSUPPORTED_CHECKPOINT` for another kind of scaling or a key that is not applied, `CHECKPOINT_CORRUPT` for factors of the wrong length.
 */
export function ropeScaling(
  view: MetadataView,
  prefix: string,
  input: { factors: RopeFactors; rope: RopeFacts },
): RopeScaling | null {
  const { factors, rope } = input;
  refuseUnknownRope(view, prefix);
  for (const values of [factors.frequencies, factors.short, factors.long]) assertLength(values, rope, view.file);
  const keys = readKeys(view, prefix);
  if ((factors.short === null) !== (factors.long === null)) {
    throw corrupt(view.file, 'it has RoPE factors for short texts or for long ones, but not for both.');
  }
  if (factors.short && factors.long)
    return fromFactors(view, { short: factors.short, long: factors.long }, { keys, rope });
  if (factors.frequencies) return fromFrequencies(view, factors.frequencies, { keys, rope });
  return fromMetadata(view, keys);
}

interface ScalingKeys {
  /** Where the keys are, for errors. */
  prefix: string;
  type: string;
  /** How many times longer the context gets; 1: no scaling. */
  factor: number;
  attentionFactor: number;
  original: number | undefined;
}

/** llama.cpp's defaults: the type is linear, the older key of the factor counts where the newer is missing, 0 is 1. */
function readKeys(view: MetadataView, prefix: string): ScalingKeys {
  const type = view.text(`${prefix}.rope.scaling.type`) ?? 'linear';
  const factor = view.number(`${prefix}.rope.scaling.factor`) ?? view.number(`${prefix}.rope.scale_linear`) ?? 1;
  return {
    prefix: `${prefix}.rope`,
    type,
    factor: type === 'none' || factor === 0 ? 1 : factor,
    attentionFactor: view.number(`${prefix}.rope.scaling.attn_factor`) ?? 1,
    original: view.count(`${prefix}.rope.scaling.original_context_length`),
  };
}

function assertLength(values: Float32Array | null, rope: RopeFacts, file: string): void {
  if (values && values.length !== rope.rotaryDim / 2) {
    throw corrupt(file, `it has ${values.length} RoPE factors for ${rope.rotaryDim / 2} pairs of dimensions.`);
  }
}

function fromMetadata(view: MetadataView, keys: ScalingKeys): RopeScaling | null {
  const { type, factor, prefix, original } = keys;
  switch (type) {
    case 'none':
    case 'linear':
      refuseAttentionFactor(view, keys);
      return factor === 1 ? null : { rope_type: 'linear', factor };
    case 'yarn':
      return {
        rope_type: 'yarn',
        factor,
        ...optional('original_max_position_embeddings', original),
        ...optional('beta_fast', view.number(`${prefix}.scaling.yarn_beta_fast`)),
        ...optional('beta_slow', view.number(`${prefix}.scaling.yarn_beta_slow`)),
        // llama.cpp multiplies YaRN's own magnitude by it.
        ...(keys.attentionFactor === 1 ? {} : { attention_factor: yarnMagnitude(factor) * keys.attentionFactor }),
      };
    default:
      throw unsupported(
        view.file,
        `RoPE scaling of type ${JSON.stringify(type)} without its factors is not supported.`,
      );
  }
}

/** Only YaRN and longrope have a place for a magnitude. */
function refuseAttentionFactor(view: MetadataView, { prefix, type, attentionFactor }: ScalingKeys): void {
  if (attentionFactor === 1) return;
  const what = `${prefix}.scaling.attn_factor ${attentionFactor} with RoPE scaling of type ${JSON.stringify(type)}`;
  throw unsupported(view.file, `${what} is not supported.`);
}

/** With factors of its own, the file has no other scaling: llama.cpp would multiply the two. */
function refuseFactor(view: MetadataView, { prefix, factor }: ScalingKeys): void {
  if (factor === 1) return;
  throw unsupported(view.file, `${prefix}.scaling.factor ${factor} beside RoPE factors in tensors is not supported.`);
}

function fromFactors(
  view: MetadataView,
  { short, long }: { short: Float32Array; long: Float32Array },
  { keys, rope }: { keys: ScalingKeys; rope: RopeFacts },
): RopeScaling {
  refuseFactor(view, keys);
  return longrope(short, long, {
    original: keys.original ?? rope.contextLength,
    attentionFactor: keys.attentionFactor,
  });
}

function longrope(
  short: Float32Array,
  long: Float32Array,
  rest: { original: number; attentionFactor: number },
): RopeScaling {
  return {
    rope_type: 'longrope',
    short_factor: [...short],
    long_factor: [...long],
    original_max_position_embeddings: rest.original,
    attention_factor: rest.attentionFactor,
  };
}

function optional(key: string, value: number | undefined): Record<string, number> {
  return value === undefined ? {} : { [key]: value };
}

/**
 * Names the scaling that made these divisors: Llama 3's where its usual parameters give the same numbers, else longrope
 * with the divisors themselves at every length, which is the same rotation.
 */
function fromFrequencies(
  view: MetadataView,
  factors: Float32Array,
  { keys, rope }: { keys: ScalingKeys; rope: RopeFacts },
): RopeScaling | null {
  const { original } = keys;
  refuseFactor(view, keys);
  refuseAttentionFactor(view, keys);
  const factor = factors.reduce((max, value) => Math.max(max, value), 0);
  if (factors.every((value) => value === 1)) return null;
  const contexts = original === undefined ? LLAMA3.originalContexts : [original];
  for (const context of contexts) {
    if (factors.every((value, i) => near(value, llama3Divisor(i, { rope, factor, context })))) {
      return {
        rope_type: 'llama3',
        factor,
        low_freq_factor: LLAMA3.lowFreqFactor,
        high_freq_factor: LLAMA3.highFreqFactor,
        original_max_position_embeddings: context,
      };
    }
  }
  return longrope(factors, factors, { original: original ?? rope.contextLength, attentionFactor: 1 });
}

function llama3Divisor(pair: number, input: { rope: RopeFacts; factor: number; context: number }): number {
  const { rope, factor, context } = input;
  const wavelength = 2 * Math.PI * rope.theta ** ((2 * pair) / rope.rotaryDim);
  const { lowFreqFactor: low, highFreqFactor: high } = LLAMA3;
  if (wavelength < context / high) return 1;
  if (wavelength > context / low) return factor;
  const smooth = (context / wavelength - low) / (high - low);
  return 1 / ((1 - smooth) / factor + smooth);
}

function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(b));
}
