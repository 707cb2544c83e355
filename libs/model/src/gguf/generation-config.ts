import type { MetadataView } from './metadata-view.js';
import { endOfTurnTokens } from './tokenizer/special-tokens.js';

/** Sampling defaults under `general.sampling`, by their Hugging Face key. */
const SAMPLING = {
  temperature: 'temp',
  top_k: 'top_k',
  top_p: 'top_p',
  min_p: 'min_p',
  repetition_penalty: 'penalty_repeat',
} as const;

/**
 * generation_config.json from metadata: the tokens that end an answer, and sampling defaults where the file has them.
 *
 * `eos_token_id` is a list: the end of text, and the end of a turn where the chat template writes another token for it.
 */
export function generationConfig(view: MetadataView): Record<string, unknown> | null {
  const config: Record<string, unknown> = {};
  const bos = view.count('tokenizer.ggml.bos_token_id');
  if (bos !== undefined) config['bos_token_id'] = bos;
  const ends = endOfTurnTokens(view);
  if (ends.length > 0) config['eos_token_id'] = ends;
  for (const [key, name] of Object.entries(SAMPLING)) {
    const value = view.number(`general.sampling.${name}`);
    if (value !== undefined) config[key] = value;
  }
  return Object.keys(config).length === 0 ? null : config;
}
