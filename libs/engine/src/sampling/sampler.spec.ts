import { describe, expect, it } from '@jest/globals';
import type { SampleSpec } from '../ports.js';
import { mix } from '../testing/simulated-runner.js';
import { sampleReference, scoreReference, survivors } from './sampler.js';

const NONE = new Int32Array(0);

function spec(overrides: Partial<SampleSpec> = {}): SampleSpec {
  return {
    ...{ row: 0, temperature: 0, topP: 1, topK: 0, minP: 0 },
    ...{ repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0 },
    ...{ seenTokens: NONE, seenCounts: NONE, biasTokens: NONE, biasValues: new Float32Array(0), bannedTokens: NONE },
    ...{ seed: 1n, stream: 0, position: 0, logprobs: -1 },
    ...overrides,
  };
}

describe('sampling', () => {
  it('gives the table that the native sampler gives', () => {
    const seenTokens = Int32Array.from({ length: 20 }, (_, i) => 4 * i);
    const tokens = Array.from({ length: 32 }, (_, c) => {
      const logits = Float32Array.from({ length: 100 + 53 * c }, (_, i) => ((mix(c, i) >>> 8) * 2 ** -24 - 0.5) * 12);
      const truncated = { topP: c & 4 ? 0.8 : 1, topK: c & 8 ? 12 : 0, minP: c & 16 ? 0.1 : 0 };
      const penalties = { repetitionPenalty: 1.25, presencePenalty: 0.5, frequencyPenalty: -0.25 };
      const lists = {
        seenTokens,
        seenCounts: seenTokens.map((_, i) => i % 4),
        biasTokens: Int32Array.of(7, 9),
        biasValues: Float32Array.of(3.5, -2),
        bannedTokens: Int32Array.of(11),
      };
      const noise = { seed: 0x123456789abcdef0n + BigInt(c), stream: c % 5, position: 1000 * c };
      const all = spec({ temperature: 0.5 * (c & 3), ...truncated, ...penalties, ...lists, ...noise });
      return sampleReference(logits, all).token;
    });
    expect(tokens).toEqual([
      70, 7, 46, 87, 57, 7, 331, 132, 283, 257, 563, 637, 200, 7, 704, 113, 7, 884, 352, 762, 1158, 220, 801, 1124, 82,
      755, 369, 628, 1002, 560, 7, 1008,
    ]);
  });

  it('at temperature 0 takes the lower id of a tie', () => {
    expect(sampleReference(Float32Array.of(1, 3, 3, 2), spec()).token).toBe(1);
  });

  it('divides positive and multiplies negative logits of seen tokens by the repetition penalty', () => {
    const seen = { seenTokens: Int32Array.of(0, 1), seenCounts: Int32Array.of(0, 0), repetitionPenalty: 2 };
    expect(sampleReference(Float32Array.of(4, -1, 2.5), spec(seen)).token).toBe(2);
    expect(sampleReference(Float32Array.of(-3, -1, -1.5), spec(seen)).token).toBe(2);
  });

  it('subtracts frequency and presence only for tokens of the output', () => {
    const seen = { seenTokens: Int32Array.of(0, 1), seenCounts: Int32Array.of(0, 3) };
    const penalised = spec({ ...seen, frequencyPenalty: 0.5, presencePenalty: 0.5 });
    expect(sampleReference(Float32Array.of(5, 6.9, 4.8), penalised).token).toBe(0);
  });

  it('never draws a banned token and says so when none is left', () => {
    expect(sampleReference(Float32Array.of(1, 9), spec({ bannedTokens: Int32Array.of(1) })).token).toBe(0);
    expect(sampleReference(Float32Array.of(1, 9), spec({ bannedTokens: Int32Array.of(0, 1) })).token).toBe(-1);
  });

  it('refuses rows that are not finite', () => {
    expect(sampleReference(Float32Array.of(1, NaN), spec()).token).toBe(-1);
    expect(sampleReference(Float32Array.of(1, Infinity), spec()).token).toBe(-1);
    expect(scoreReference(Float32Array.of(1, NaN), 0, 0).token).toBe(-1);
  });
});

describe('truncation', () => {
  const row = Float32Array.from([0.4, 0.3, 0.2, 0.1], Math.log);

  it('keeps the smallest set that reaches top-p, and always one token', () => {
    expect(survivors(row, spec({ temperature: 1, topP: 0.6 }))).toEqual([0, 1]);
    expect(survivors(row, spec({ temperature: 1, topP: 0.75 }))).toEqual([0, 1, 2]);
    expect(survivors(row, spec({ temperature: 1, topP: 1e-9 }))).toEqual([0]);
  });

  it('counts the mass for top-p among what min-p and top-k leave', () => {
    expect(survivors(row, spec({ temperature: 1, topK: 2, topP: 0.5 }))).toEqual([0]);
    expect(survivors(row, spec({ temperature: 1, minP: 0.6 }))).toEqual([0, 1]);
    expect(survivors(row, spec({ temperature: 1, minP: 1 }))).toEqual([0]);
  });

  it('breaks ties by the lower id', () => {
    expect(survivors(Float32Array.of(1, 2, 2, 2), spec({ temperature: 1, topK: 2 }))).toEqual([1, 2]);
  });
});

describe('the noise', () => {
  it('draws from the softmax', () => {
    const row = Float32Array.from([0.5, 0.3, 0.2], Math.log);
    const counts = [0, 0, 0];
    const draws = 20_000;
    for (let position = 0; position < draws; position++) {
      const { token } = sampleReference(row, spec({ temperature: 1, position }));
      counts[token] = (counts[token] ?? 0) + 1;
    }
    [0.5, 0.3, 0.2].forEach((share, token) => {
      expect(Math.abs((counts[token] ?? 0) / draws - share)).toBeLessThan(0.015);
    });
  });
});

describe('log-probabilities', () => {
  it('come from the raw logits, whatever the processing', () => {
    const row = Float32Array.from([0.5, 0.3, 0.2], Math.log);
    const result = sampleReference(row, spec({ bannedTokens: Int32Array.of(0), logprobs: 2 }));
    expect(result.token).toBe(1);
    expect(result.logprob).toBeCloseTo(Math.log(0.3), 6);
    expect([...result.topTokens]).toEqual([0, 1]);
    expect(result.topLogprobs[0]).toBeCloseTo(Math.log(0.5), 6);
  });
});
