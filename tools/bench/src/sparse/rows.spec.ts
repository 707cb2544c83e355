import { describe, expect, it } from '@jest/globals';
import { BENCH_KV_TYPES } from '../options.js';
import { parseSparseOptions } from './options.js';
import { rowNames, sparseBar } from './row-names.js';
import { rowsOf } from './rows.js';
import { depthsOf, lastDepth, SPARSE_LENGTHS } from './sparse-cases.js';

const namesOf = (...args: string[]): string[] => rowsOf(parseSparseOptions(args)).map(({ name }) => name);
const INTEL = 'Intel with AVX-512 VNNI';

describe('the depths of a prompt', () => {
  it('go from 0 to where its last chunk begins', () => {
    for (const { tokens } of SPARSE_LENGTHS) {
      const depths = depthsOf(tokens);
      expect([depths[0], depths.at(-1)]).toEqual([0, lastDepth(tokens)]);
      expect([...depths].sort((a, b) => a - b)).toEqual(depths);
    }
  });

  it('are also those of longer prompts, so that llama.cpp is measured at each of them once', () => {
    const [shortest, ...longer] = SPARSE_LENGTHS.map(({ tokens }) => depthsOf(tokens));
    for (const depths of longer) expect(depths.slice(0, shortest?.length)).toEqual(shortest);
  });
});

describe('the rows', () => {
  it('are each there once, and include every row that has a bar', () => {
    const names = namesOf();
    expect(new Set(names).size).toBe(names.length);
    const ofKv = BENCH_KV_TYPES.map((kv) =>
      names.filter((name) => name.includes(kv) && sparseBar(name, INTEL) !== null),
    );
    // Prefill, and choosing in both phases, of three lengths, and four sequences; with int8 peers and the audit instead.
    expect(ofKv.map(({ length }) => length)).toEqual([3 * 3 + 1, 3 * 3 + 2 + 2 * 3 + 1]);
  });

  it('have bars on Intel processors with AVX-512 VNNI alone', () => {
    const name = rowNames.prefill('bf16', 32768);
    expect([sparseBar(name, INTEL), sparseBar(name, 'other')]).toEqual([1.9, null]);
  });

  it('can be had of some lengths, KV types, peers and names alone', () => {
    expect(namesOf('--lengths', '65536').every((name) => name.includes('64K'))).toBe(true);
    expect(namesOf('--kv', 'bf16').some((name) => name.includes('int8'))).toBe(false);
    expect(namesOf('--peers', 'openvino').some((name) => name.includes('llama.cpp'))).toBe(false);
    expect(namesOf('--peers', 'none', '--only', 'against').every((name) => /ours dense|whole/.test(name))).toBe(true);
  });

  it('open every engine once', () => {
    const opened: string[] = [];
    let open: readonly string[] = [];
    for (const { engines } of rowsOf(parseSparseOptions([]))) {
      opened.push(...engines.filter((who) => !open.includes(who)));
      open = engines;
    }
    expect(opened).toEqual(['bf16', 'int8', 'llama.cpp, fa on', 'llama.cpp, fa off']);
  });
});

describe('the options', () => {
  it('are refused by name', () => {
    expect(() => parseSparseOptions(['--lengths', '1000'])).toThrow('--lengths: 1000 is not one of 32768, 65536');
    expect(() => parseSparseOptions(['--kv', 'bf16,int4'])).toThrow('--kv: int4 is not one of');
    expect(() => parseSparseOptions(['--peers', 'vllm'])).toThrow('--peers: vllm is not one of');
    expect(() => parseSparseOptions(['--resume'])).toThrow('--resume');
  });
});
