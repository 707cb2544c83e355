import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { integerOption, oneOf } from '../options.js';

const INSTRUCTIONS = ['native', 'avx2'] as const;

export interface KernelsOptions {
  /** Numbers of threads, each measured by itself. */
  threads: readonly number[];
  /** Measurements of each kernel; the median counts. */
  rounds: number;
  /** `avx2` stands in for a processor that has nothing wider. */
  instructions: (typeof INSTRUCTIONS)[number];
  /** Only cases whose name contains this. */
  only: string;
  /** File for the rows; null prints the tables alone. */
  json: string | null;
}

/** @throws Error naming the option at fault. */
export function parseKernelsOptions(args: readonly string[]): KernelsOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      threads: { type: 'string', default: '1,2' },
      rounds: { type: 'string', default: '5' },
      instructions: { type: 'string', default: 'native' },
      only: { type: 'string', default: '' },
      json: { type: 'string' },
    },
  });
  return {
    threads: values.threads.split(',').map((word) => integerOption('--threads', word, 256)),
    rounds: integerOption('--rounds', values.rounds, 100),
    instructions: oneOf('--instructions', values.instructions, INSTRUCTIONS),
    only: values.only,
    json: values.json === undefined ? null : resolve(values.json),
  };
}
