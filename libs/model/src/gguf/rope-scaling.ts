import { corrupt, unsupported } from '../checkpoint/checkpoint-errors.js';
import type { MetadataView } from './metadata-view.js';

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
 * @throws AppError `UNSUPPORTED_CHECKPOINT` for another kind of scaling, `CHECKPOINT_CORRUPT` for factors of the wrong length.
 */
export function ropeScaling(
  view: MetadataView,
  prefix: string,
  input: { factors: RopeFactors; rope: RopeFacts },
): RopeScaling | null {
  const { factors, rope } = input;
  for (const values of [factors.frequencies, factors.short, factors.long]) assertLength(values, rope, view.file);
  const original = view.count(`${prefix}.rope.scaling.original_context_length`);
  if (factors.short && factors.long) {
    return longrope(factors.short, factors.long, {
      original: original ?? rope.contextLength,
      attentionFactor: view.number(`${prefix}.rope.scaling.attn_factor`),
    });
  }
  if (factors.frequencies) return fromFrequencies(factors.frequencies, rope, original);
  return fromMetadata(view, `${prefix}.rope.scaling`, original);
}

function assertLength(values: Float32Array | null, rope: RopeFacts, file: string): void {
  if (values && values.length !== rope.rotaryDim / 2) {
    throw corrupt(file, `it has ${values.length} RoPE factors for ${rope.rotaryDim / 2} pairs of dimensions.`);
  }
}

function fromMetadata(view: MetadataView, prefix: string, original: number | undefined): RopeScaling | null {
  const type = view.text(`${prefix}.type`) ?? 'none';
  const context = original === undefined ? {} : { original_max_position_embeddings: original };
  switch (type) {
    case 'none':
      return null;
    case 'linear':
      return { rope_type: 'linear', factor: view.requiredNumber(`${prefix}.factor`) };
    case 'yarn':
      return {
        rope_type: 'yarn',
        factor: view.requiredNumber(`${prefix}.factor`),
        ...context,
        ...optional('beta_fast', view.number(`${prefix}.yarn_beta_fast`)),
        ...optional('beta_slow', view.number(`${prefix}.yarn_beta_slow`)),
      };
    default:
      throw unsupported(
        view.file,
        `RoPE scaling of type ${JSON.stringify(type)} without its factors is not supported.`,
      );
  }
}

function longrope(
  short: Float32Array,
  long: Float32Array,
  rest: { original: number; attentionFactor: number | undefined },
): RopeScaling {
  return {
    rope_type: 'longrope',
    short_factor: [...short],
    long_factor: [...long],
    original_max_position_embeddings: rest.original,
    ...optional('attention_factor', rest.attentionFactor),
  };
}

function optional(key: string, value: number | undefined): Record<string, number> {
  return value === undefined ? {} : { [key]: value };
}

/**
 * Names the scaling that made these divisors: Llama 3's where its usual parameters give the same numbers, else longrope
 * with the divisors themselves at every length, which is the same rotation.
 */
function fromFrequencies(factors: Float32Array, rope: RopeFacts, original: number | undefined): RopeScaling | null {
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
