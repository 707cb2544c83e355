import { describe, expect, it } from '@jest/globals';
import { parseSamplingDefaults, resolveSamplingDefaults, samplingDefaultsBody } from './sampling-defaults.js';

const ofModel = { temperature: 0.2, topP: 0.9 };

describe('--sampling-defaults', () => {
  it.each([
    ['model', { temperature: 0.2, topP: 0.9, topK: 0, minP: 0, repetitionPenalty: 1 }],
    ['neutral', { temperature: 1, topP: 1, topK: 0, minP: 0, repetitionPenalty: 1 }],
    ['{"top_k": 40, "temperature": 0.7}', { temperature: 0.7, topP: 1, topK: 40, minP: 0, repetitionPenalty: 1 }],
    ['{}', { temperature: 1, topP: 1, topK: 0, minP: 0, repetitionPenalty: 1 }],
  ])('%s leaves no value open', (text, expected) => {
    expect(resolveSamplingDefaults(parseSamplingDefaults(text), ofModel)).toEqual(expected);
  });

  it.each(['none', '[1]', '1', '{"temperature": "1"}', '{"temperature": 3}', '{"seed": 1}', '{"top_k": 1.5}', '{'])(
    'refuses %s',
    (text) => {
      expect(() => parseSamplingDefaults(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    },
  );

  it("leaves out a model's own value that no request could set", () => {
    const wild = { temperature: 9, topP: 0, topK: 20.5, repetitionPenalty: 1e-39, minP: 0.1 };
    expect(resolveSamplingDefaults({ kind: 'model' }, wild)).toEqual({
      ...{ temperature: 1, topP: 1, topK: 0, repetitionPenalty: 1 },
      minP: 0.1,
    });
  });

  it('is shown in the names of requests', () => {
    const names = ['temperature', 'top_p', 'top_k', 'min_p', 'repetition_penalty'];
    expect(Object.keys(samplingDefaultsBody({}))).toEqual(names);
  });
});
