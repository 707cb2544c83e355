import type { ConfigValues } from '../config/config-reader.js';
import type { ModelManifest } from '../manifest.js';

const KEYS = {
  temperature: 'temperature',
  topP: 'top_p',
  topK: 'top_k',
  minP: 'min_p',
  repetitionPenalty: 'repetition_penalty',
} as const;

/**
 * Sampling defaults as the checkpoint's authors set them. `do_sample: false` is greedy decoding, which is temperature
 * 0 here; what is not set is left to the server.
 */
export function generationDefaults(config: ConfigValues | null): ModelManifest['generation'] {
  const generation: ModelManifest['generation'] = {};
  for (const [name, key] of Object.entries(KEYS) as [keyof typeof KEYS, string][]) {
    const value = config?.[key];
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0) generation[name] = value;
  }
  if (config?.['do_sample'] === false) generation.temperature = 0;
  return generation;
}
