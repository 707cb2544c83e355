import { describe, expect, it } from '@jest/globals';
import { samplingDefaultsOf } from './known-sampling.js';

describe('sampling defaults of a model', () => {
  it.each([
    ['smollm2-135m-instruct', { temperature: 0.2, topP: 0.9 }],
    ['HuggingFaceTB/SmolLM2-1.7B-Instruct', { temperature: 0.2, topP: 0.9 }],
    ['Qwen2.5 0.5B Instruct', { temperature: 0.7, topP: 0.8, topK: 20, repetitionPenalty: 1.05 }],
    ['Qwen3-0.6B-Q8_0', { temperature: 0.6, topP: 0.95, topK: 20 }],
    ['Llama-3.2-1B-Instruct', { temperature: 0.6, topP: 0.9 }],
    ['gemma-3-1b-it', { temperature: 1, topP: 0.95, topK: 64 }],
  ])('are known for %s, whose files may say nothing', (name, expected) => {
    expect(samplingDefaultsOf({ name, generation: {} })).toEqual(expected);
  });

  it.each(['smollm2-135m', 'Qwen3-8B-Base', 'SmolLM3-3B-Base', 'gemma-3-1b-pt', 'mine', ''])(
    'are not invented for %p',
    (name) => {
      expect(samplingDefaultsOf({ name, generation: {} })).toEqual({});
    },
  );

  it("are the files' where they say anything, greedy decoding included", () => {
    expect(samplingDefaultsOf({ name: 'smollm2-135m-instruct', generation: { temperature: 0 } })).toEqual({
      temperature: 0,
    });
  });
});
