import { describe, expect, it } from '@jest/globals';
import { HALF_BILLION_CASES } from './cases.js';
import { promptCaseNames } from './cold-prompt.js';
import { comparePrompts } from './compare-prompts.js';
import { parseOptions } from './options.js';
import { peerBar } from './peer-bars.js';
import { parseOpenVino } from './peer/openvino.js';
import { processorKind } from './processor.js';

const cpuinfo = (vendor: string, flags: string): string =>
  `processor\t: 0\nvendor_id\t: ${vendor}\nflags\t\t: fpu ${flags}\n`;
const prompt = { promptTokens: 16384, answerTokens: 17, chunkTokens: 512 };

describe('the bars against peers', () => {
  it('are those of the processor it runs on, and of the KV type', () => {
    const xeon = processorKind(cpuinfo('GenuineIntel', 'avx2 avx512f avx512_vnni'));
    const zen3 = processorKind(cpuinfo('AuthenticAMD', 'avx2 fma'));
    expect(peerBar('prefill 512 at 16K', xeon, 'bf16')).toBe(3.2);
    expect(peerBar('prefill 512 at 16K', zen3, 'bf16')).toBe(2.7);
  });

  it('are none on other processors', () => {
    const zen4 = processorKind(cpuinfo('AuthenticAMD', 'avx2 avx512f avx512_vnni'));
    const unknown = processorKind('');
    for (const kind of [zen4, unknown]) expect(peerBar('prefill 512 at 16K', kind, 'bf16')).toBeNull();
  });

  it('name cases that there are', () => {
    const names = [...HALF_BILLION_CASES.map((item) => item.name), ...Object.values(promptCaseNames(prompt))];
    const withBar = names.filter((name) => peerBar(name, 'Intel with AVX-512 VNNI', 'bf16') !== null);
    expect(withBar).toHaveLength(8);
  });
});

describe('a whole prompt', () => {
  const ours = { firstTokenSeconds: 50, tokenSeconds: 0.03 };
  const dense = { name: 'OpenVINO, dense', times: { firstTokenSeconds: 100, tokenSeconds: 0.07 }, hasBar: true };
  const sparse = { ...dense, name: 'OpenVINO, xattention', hasBar: false };

  it('is compared by the time to its first token and by the time of those after it', () => {
    const rows = comparePrompts(prompt, { ours, peers: [dense], barOf: () => 2 });
    expect(rows.map(({ ratio, met }) => [Number(ratio.toFixed(2)), met])).toEqual([
      [2, true],
      [2.33, true],
    ]);
  });

  it('has no bar against sparse attention', () => {
    const rows = comparePrompts(prompt, { ours, peers: [sparse], barOf: () => 2 });
    expect(rows.map(({ met }) => met)).toEqual([null, null]);
  });

  it('does not count when the peer read or answered another number of tokens', () => {
    const line = (read: number): string =>
      `some warning\n{"first_token_seconds": 1.5, "token_seconds": 0.1, "answered": 17, "read": ${read}}\n`;
    expect(parseOpenVino(line(16384), prompt)).toEqual({ firstTokenSeconds: 1.5, tokenSeconds: 0.1 });
    expect(() => parseOpenVino(line(16000), prompt)).toThrow('another number of tokens');
    expect(() => parseOpenVino('{}', prompt)).toThrow('no times');
  });
});

describe('the options', () => {
  it('refuse a KV type that cannot be measured, naming those that can', () => {
    expect(() => parseOptions(['--kv', 'int3'], { rounds: 1 })).toThrow('--kv: int3 is not one of bf16');
    expect(parseOptions([], { rounds: 1 }).kv).toBe('bf16');
  });
});
