import { samplingRanges, type NumberRange as RequestRange } from '@longhaul/inference';
import { invalidConfig, shownValue } from '../config/config-error.js';
import type { ConfigValues } from '../config/config-reader.js';
import { describeRange, inRange, type NumberRange } from '../config/number-ranges.js';
import type { ModelManifest } from '../manifest.js';

const KEYS = {
  temperature: 'temperature',
  topP: 'top_p',
  topK: 'top_k',
  minP: 'min_p',
  repetitionPenalty: 'repetition_penalty',
} as const;

type Setting = keyof typeof KEYS;

/** Where the end of a range is not part of it: far below what anybody means. */
const JUST_ABOVE = 1e-6;
const MAX_TOP_K = 2 ** 22;

/** What a sampling default may be: what a request may ask for. */
export const GENERATION_RANGES: Readonly<Record<Setting, NumberRange>> = {
  temperature: rangeOf(samplingRanges.temperature),
  topP: rangeOf(samplingRanges.topP),
  topK: { min: 0, max: MAX_TOP_K, integer: true },
  minP: rangeOf(samplingRanges.minP),
  repetitionPenalty: rangeOf(samplingRanges.repetitionPenalty),
};

function rangeOf({ least, most, open }: RequestRange): NumberRange {
  return { min: open === true ? least + JUST_ABOVE : least, max: most, integer: false };
}

/**
 * Sampling defaults as the checkpoint's authors set them. `do_sample: false` is greedy decoding, which is temperature
 * 0 here; what is not set is left to the server, and so is `top_k: -1`, with which some say that it is off. A `top_k` of
 * more than the vocabulary is all of it.
 *
 * @throws AppError `CONFIG_INVALID` for a value that no request could ask for.
 */
export function generationDefaults(config: ConfigValues | null, vocabSize: number): ModelManifest['generation'] {
  const generation: ModelManifest['generation'] = {};
  for (const [name, key] of Object.entries(KEYS) as [Setting, string][]) {
    const value = config?.[key];
    if (value === undefined || value === null || (name === 'topK' && value === -1)) continue;
    const range = GENERATION_RANGES[name];
    if (!inRange(value, range)) {
      throw invalidConfig(`generation_config.${key}`, `must be ${describeRange(range)}, but is ${shownValue(value)}`);
    }
    generation[name] = name === 'topK' ? Math.min(value, vocabSize) : value;
  }
  if (config?.['do_sample'] === false) generation.temperature = 0;
  return generation;
}
