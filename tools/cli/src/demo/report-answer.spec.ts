import { describe, expect, it } from '@jest/globals';
import type { Answer } from './ask-over.js';
import { answerLines, comparisonLines, densityLine } from './report-answer.js';

const dense: Answer = {
  ...{ text: ' 12345. ', promptTokens: 1000, cachedTokens: 0, completionTokens: 21, ttftMs: 3000, totalMs: 5000 },
  attention: { policy: 'dense', density: { prefill: 1, decode: 1 }, fallbacks: 0 },
};
const sparse: Answer = {
  ...dense,
  ...{ ttftMs: 1000, totalMs: 2000 },
  attention: { policy: 'balanced', density: { prefill: 0.25, decode: 0.125 }, fallbacks: 2 },
};

describe('a report of the demo', () => {
  it('says what was answered and what it took', () => {
    expect(answerLines({ ...dense, cachedTokens: 16 }, true)).toEqual([
      '12345.   (right)',
      'prompt 1000 tokens, 16 from the prefix cache, 984 computed; first token after 3.00 s; 10.0 tokens/s after it',
    ]);
    expect(answerLines(dense, false)[0]).toBe('12345.   (wrong)');
  });

  it('says how much was read, and makes nothing up where the server does not tell', () => {
    expect(densityLine(dense)).toBe('read 100.0 % of the keys for the prompt, 100.0 % for the answer');
    expect(densityLine(sparse)).toBe(
      'read 25.0 % of the keys for the prompt, 12.5 % for the answer; fell back 2 times',
    );
    expect(densityLine({ ...dense, attention: null })).toBe('the server does not tell how attention was computed');
  });

  it('compares the first reading of the document, and the rate of answers', () => {
    expect(comparisonLines('balanced', [dense, sparse], [sparse, dense])).toEqual([
      'reading the document: 3.00 s dense, 1.00 s balanced: 3.00 times as fast',
      'answering: 15.0 tokens/s dense, 15.0 balanced: 1.00 times as fast',
    ]);
    expect(comparisonLines('balanced', [dense], [{ ...sparse, ttftMs: 0 }])[0]).toContain('not measured');
  });
});
