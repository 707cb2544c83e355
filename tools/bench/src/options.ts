import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type KvDtype } from '@longhaul/engine-native';
import { BENCH_MODELS } from './models.js';

/** KV types of ours that can be measured. */
export const BENCH_KV_TYPES = ['bf16', 'int8'] as const satisfies readonly KvDtype[];
export type BenchKv = (typeof BENCH_KV_TYPES)[number];

export interface BenchOptions {
  model: string;
  threads: number;
  /** Type of our KV; the peers keep their own. */
  kv: BenchKv;
  /** `bench:peers`: tokens of the whole prompt that is read cold. */
  promptTokens: number;
  /** How often each case is measured on each side. */
  rounds: number;
  spin: boolean;
  /** Only cases whose name contains this. */
  only: string;
  /** File for the results; null prints the table alone. */
  json: string | null;
  /** Files written, fetched and imported for benchmarks. */
  cacheDir: string;
}

/** @throws Error naming the option at fault. */
export function parseOptions(args: readonly string[], defaults: { rounds: number }): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      model: { type: 'string', default: BENCH_MODELS[0] ?? '' },
      threads: { type: 'string', default: '2' },
      kv: { type: 'string', default: 'bf16' },
      'prompt-tokens': { type: 'string', default: '16384' },
      rounds: { type: 'string', default: String(defaults.rounds) },
      spin: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      json: { type: 'string' },
      cache: { type: 'string', default: '.longhaul' },
    },
  });
  return {
    model: values.model,
    threads: integerOption('--threads', values.threads, 256),
    kv: oneOf('--kv', values.kv, BENCH_KV_TYPES),
    promptTokens: integerOption('--prompt-tokens', values['prompt-tokens'], 131_000),
    rounds: integerOption('--rounds', values.rounds, 100),
    spin: values.spin,
    only: values.only,
    json: values.json === undefined ? null : resolve(values.json),
    cacheDir: resolve(values.cache),
  };
}

/** An option that is one of some words. @throws Error naming it. */
export function oneOf<Word extends string>(name: string, text: string, words: readonly Word[]): Word {
  const word = words.find((known) => known === text);
  if (word === undefined) throw new Error(`${name}: ${text} is not one of ${words.join(', ')}`);
  return word;
}

/** An option that is an integer from 1 to `limit`. @throws Error naming it. */
export function integerOption(name: string, text: string, limit: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > limit)
    throw new Error(`${name}: ${text} is not an integer from 1 to ${limit}`);
  return value;
}
