import type { ModelInfo } from '@longhaul/inference';
import { invalidArgument } from '@longhaul/kernel';
import { checkSamplingNumbers } from './limits.js';

export type SamplingDefaults = ModelInfo['defaults'];

/** What a request gets that sets nothing. */
export type SamplingDefaultsChoice =
  /** What the model says: its generation_config.json, or what is known about it. */
  | { kind: 'model' }
  /** Temperature 1 and nothing cut, as OpenAI's API has it. */
  | { kind: 'neutral' }
  /** These; what is not among them is neutral. */
  | { kind: 'explicit'; values: SamplingDefaults };

/** Every filter off. */
const NEUTRAL: Required<SamplingDefaults> = { temperature: 1, topP: 1, topK: 0, minP: 0, repetitionPenalty: 1 };

/** Names as in request bodies. */
const KEYS: Readonly<Record<string, keyof SamplingDefaults>> = {
  temperature: 'temperature',
  top_p: 'topP',
  top_k: 'topK',
  min_p: 'minP',
  repetition_penalty: 'repetitionPenalty',
};

/** The defaults of a served model, with nothing left open. A value of the model that no request could set is left out. */
export function resolveSamplingDefaults(
  choice: SamplingDefaultsChoice,
  ofModel: SamplingDefaults,
): Required<SamplingDefaults> {
  switch (choice.kind) {
    case 'model':
      return { ...NEUTRAL, ...usable(ofModel) };
    case 'neutral':
      return NEUTRAL;
    case 'explicit':
      return { ...NEUTRAL, ...choice.values };
  }
}

/**
 * Reads the flag: `model`, `neutral`, or a JSON object such as `{"temperature": 0.7, "top_p": 0.9}`.
 *
 * @throws AppError `INVALID_ARGUMENT` naming what is wrong.
 */
export function parseSamplingDefaults(text: string): SamplingDefaultsChoice {
  if (text === 'model' || text === 'neutral') return { kind: text };
  const given = parseObject(text);
  const values: SamplingDefaults = {};
  for (const [name, value] of Object.entries(given)) {
    const key = Object.hasOwn(KEYS, name) ? KEYS[name] : undefined;
    if (!key) throw invalidArgument(name, `'${name.slice(0, 64)}' is none of ${Object.keys(KEYS).join(', ')}.`);
    if (typeof value !== 'number') throw invalidArgument(name, `${name} must be a number.`);
    values[key] = value;
  }
  checkSamplingNumbers(values);
  return { kind: 'explicit', values };
}

/** As answers spell them. */
export function samplingDefaultsBody(defaults: SamplingDefaults): Record<string, number> {
  const complete = { ...NEUTRAL, ...defaults };
  return Object.fromEntries(Object.entries(KEYS).map(([name, key]) => [name, complete[key]]));
}

function parseObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw invalidArgument('sampling-defaults', "must be 'model', 'neutral' or a JSON object of numbers");
}

function usable(defaults: SamplingDefaults): SamplingDefaults {
  return Object.fromEntries(Object.entries(defaults).filter(([key, value]) => fits({ [key]: value })));
}

function fits(defaults: SamplingDefaults): boolean {
  try {
    checkSamplingNumbers(defaults);
    return true;
  } catch {
    return false;
  }
}
