import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BENCH_MODELS } from '../models.js';
import { BENCH_KV_TYPES, type BenchKv, integerOption, oneOf } from '../options.js';
import { SPARSE_LENGTHS, type SparseLength } from './sparse-cases.js';

/** Engines of others that ours can be compared with. */
export const SPARSE_PEERS = ['llama.cpp', 'openvino'] as const;
export type SparsePeer = (typeof SPARSE_PEERS)[number];

export interface SparseOptions {
  model: string;
  threads: number;
  spin: boolean;
  /** Most measurements of a case. */
  rounds: number;
  lengths: readonly SparseLength[];
  /** Types of our KV that are measured. */
  kvTypes: readonly BenchKv[];
  peers: readonly SparsePeer[];
  /** Only rows whose name contains this. */
  only: string;
  /** File for the rows, written anew after each of them; null prints them alone. */
  json: string | null;
  /** Takes over the rows that the file has. */
  resume: boolean;
  /** Files written, fetched and installed for benchmarks. */
  cacheDir: string;
}

const MOST_ROUNDS = 100;

/** @throws Error naming the option at fault. */
export function parseSparseOptions(args: readonly string[]): SparseOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      model: { type: 'string', default: BENCH_MODELS[0] ?? '' },
      threads: { type: 'string', default: '2' },
      spin: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '3' },
      lengths: { type: 'string', default: SPARSE_LENGTHS.map(({ tokens }) => tokens).join(',') },
      kv: { type: 'string', default: BENCH_KV_TYPES.join(',') },
      peers: { type: 'string', default: SPARSE_PEERS.join(',') },
      only: { type: 'string', default: '' },
      json: { type: 'string' },
      resume: { type: 'boolean', default: false },
      cache: { type: 'string', default: '.longhaul' },
    },
  });
  if (values.resume && values.json === undefined) throw new Error('--resume: goes on with the file of --json');
  return {
    model: values.model,
    threads: integerOption('--threads', values.threads, 256),
    spin: values.spin,
    rounds: integerOption('--rounds', values.rounds, MOST_ROUNDS),
    lengths: listOf('--lengths', values.lengths, Object.keys(LENGTHS)).map(lengthOf),
    kvTypes: listOf('--kv', values.kv, BENCH_KV_TYPES),
    peers: values.peers === 'none' ? [] : listOf('--peers', values.peers, SPARSE_PEERS),
    only: values.only,
    json: values.json === undefined ? null : resolve(values.json),
    resume: values.resume,
    cacheDir: resolve(values.cache),
  };
}

const LENGTHS = Object.fromEntries(SPARSE_LENGTHS.map((length) => [String(length.tokens), length]));

function lengthOf(text: string): SparseLength {
  const length = LENGTHS[text];
  if (length === undefined) throw new Error(`--lengths: ${text} is not measured`);
  return length;
}

/** Some of the words, each once, in their own order. */
function listOf<Word extends string>(name: string, text: string, words: readonly Word[]): Word[] {
  const wanted = text.split(',').map((each) => oneOf(name, each.trim(), words));
  return words.filter((word) => wanted.includes(word));
}
