import { parseArgs } from 'node:util';
import type { WeightScheme } from '@longhaul/model';
import { attentionModes, type AttentionMode } from './policies.js';

export interface SoakOptions {
  minutes: number;
  streams: number;
  weights: WeightScheme;
  kvCacheDtype: string;
  kvCacheTokens: number;
  seed: number;
  /** Share of the traffic that asks for lookup drafts; the answers alone, which it is compared with, do not. */
  drafts: number;
  /** What the requests ask of attention; each is compared with itself alone. */
  attention: AttentionMode;
}

const SCHEMES: readonly WeightScheme[] = ['f32', 'int8', 'int4'];

/** @throws Error naming the flag at fault. */
export function parseOptions(args: readonly string[]): SoakOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '10' },
      streams: { type: 'string', default: '32' },
      weights: { type: 'string', default: 'int8' },
      'kv-cache-dtype': { type: 'string', default: 'bf16' },
      'kv-cache-tokens': { type: 'string', default: '4096' },
      seed: { type: 'string', default: '1' },
      drafts: { type: 'string', default: '0.5' },
      attention: { type: 'string', default: 'dense' },
    },
  });
  const weights = SCHEMES.find((scheme) => scheme === values.weights);
  if (!weights) throw new Error(`--weights must be one of ${SCHEMES.join(', ')}`);
  const attention = attentionModes.find((mode) => mode === values.attention);
  if (!attention) throw new Error(`--attention must be one of ${attentionModes.join(', ')}`);
  return {
    minutes: inRange('--minutes', values.minutes, [0.1, 10_000]),
    streams: inRange('--streams', values.streams, [1, 256]),
    weights,
    kvCacheDtype: values['kv-cache-dtype'],
    kvCacheTokens: inRange('--kv-cache-tokens', values['kv-cache-tokens'], [2048, 2 ** 24]),
    seed: inRange('--seed', values.seed, [0, 2 ** 20]),
    drafts: inRange('--drafts', values.drafts, [0, 1]),
    attention,
  };
}

function inRange(name: string, text: string, [min, max]: readonly [number, number]): number {
  const value = Number(text);
  if (text === '' || !(value >= min && value <= max)) throw new Error(`${name} must be from ${min} to ${max}`);
  return value;
}
