/** What a number of a configuration may be, ends included. */
export interface NumberRange {
  readonly min: number;
  readonly max: number;
  readonly integer: boolean;
}

const whole = (min: number, max: number): NumberRange => ({ min, max, integer: true });
const real = (min: number, max: number): NumberRange => ({ min, max, integer: false });

/** Positions are 32-bit; the longest published context is ten million tokens. */
export const MAX_CONTEXT_TOKENS = 2 ** 28;
export const MAX_LAYERS = 1024;

/**
 * The range of every number that is read from config.json, `rope_parameters` included, by its key. Each is far wider than
 * what published models have and narrow enough that nothing computed from it overflows: a product of two sizes stays
 * exact, and every factor and its inverse are normal f32.
 */
export const NUMBER_RANGES = {
  num_hidden_layers: whole(1, MAX_LAYERS),
  hidden_size: whole(1, 65_536),
  intermediate_size: whole(1, 1_048_576),
  num_attention_heads: whole(1, 1024),
  num_key_value_heads: whole(1, 1024),
  head_dim: whole(1, 1024),
  vocab_size: whole(1, 2 ** 22),
  max_position_embeddings: whole(1, MAX_CONTEXT_TOKENS),
  /** Its logarithm divides. */
  original_max_position_embeddings: whole(2, MAX_CONTEXT_TOKENS),
  sliding_window: whole(1, 2 ** 31 - 1),
  max_window_layers: whole(0, 2 ** 31 - 1),
  sliding_window_pattern: whole(1, MAX_LAYERS),
  no_rope_layer_interval: whole(1, MAX_LAYERS),
  /** Published: 1e-5 to 1e-8. */
  rms_norm_eps: real(1e-12, 0.1),
  /** Published: 1e4 to 1e8. At 1 nothing would turn. */
  rope_theta: real(2, 1e15),
  rope_local_base_freq: real(2, 1e15),
  partial_rotary_factor: real(1 / 1024, 1),
  query_pre_attn_scalar: real(0.01, 1e6),
  /** Published: 30 and 50. */
  attn_logit_softcapping: real(0.01, 1e6),
  final_logit_softcapping: real(0.01, 1e6),
  /** How much longer the context gets; published: up to 128. */
  factor: real(1, 4096),
  attention_factor: real(0.01, 100),
  mscale: real(0.001, 100),
  mscale_all_dim: real(0.001, 100),
  beta_fast: real(0.001, 4096),
  beta_slow: real(0.001, 4096),
  low_freq_factor: real(0.001, 4096),
  high_freq_factor: real(0.001, 4096),
} as const satisfies Record<string, NumberRange>;

export type NumberKey = keyof typeof NUMBER_RANGES;

/** Entries of longrope's `short_factor` and `long_factor`; published: 1 to 65. */
export const LONGROPE_FACTOR = real(0.01, 65_536);

/** What a longrope or YaRN factor may be that follows from two lengths: at 1 and below nothing is stretched. */
export const DERIVED_FACTOR = real(2 ** -28, 4096);

export function inRange(value: unknown, range: NumberRange): value is number {
  if (typeof value !== 'number' || !Number.isFinite(value)) return false;
  return value >= range.min && value <= range.max && (!range.integer || Number.isInteger(value));
}

/** The range as messages say it: `an integer from 1 to 1024`. */
export function describeRange({ min, max, integer }: NumberRange): string {
  return `${integer ? 'an integer' : 'a number'} from ${min} to ${max}`;
}
