import { describe, expect, it } from '@jest/globals';
import { DENSE } from '@longhaul/attention';
import type { GenerationRequest, SamplingParams, StopParams } from './request.js';
import { samplingFieldNames, samplingRanges, validateGenerationRequest } from './validate.js';

const limits = { contextLength: 100, vocabSize: 50 };

const sampling: SamplingParams = {
  ...{ temperature: 0, topP: 1, topK: 0, minP: 0, repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0 },
  ...{ logitBias: new Map(), seed: 0n },
};
const stop: StopParams = { strings: [], tokenIds: [], includeStopString: false, ignoreEos: false, minTokens: 0 };
const valid: GenerationRequest = {
  ...{
    requestId: 'r',
    promptTokenIds: Int32Array.of(1, 2, 3),
    tenant: 't',
    cacheSalt: '',
    n: 1,
    maxTokens: 97,
    sampling,
    stop,
  },
  ...{ logprobs: null, promptLogprobs: null, includeSpecialTokens: false, priority: 0, deadlineMs: null },
  ...{ attention: DENSE, quality: null, speculation: null },
};

describe('a request', () => {
  it('that uses every bound to the full is valid', () => {
    const extreme: GenerationRequest = {
      ...valid,
      ...{
        n: 16,
        logprobs: 20,
        promptLogprobs: 20,
        priority: -(2 ** 31 - 1),
        cacheSalt: 'x'.repeat(256),
        tenant: 'x'.repeat(64),
      },
      speculation: { kind: 'lookup', maxDraftTokens: 32 },
      sampling: {
        ...{ temperature: 2, topP: 1e-6, topK: 2 ** 31 - 1, minP: 1, repetitionPenalty: 100 },
        ...{ presencePenalty: -2, frequencyPenalty: 2, logitBias: new Map([[49, -100]]), seed: 2n ** 64n - 1n },
      },
      stop: { ...stop, strings: Array.from({ length: 16 }, () => 's'.repeat(256)), minTokens: 97, tokenIds: [0] },
    };
    expect(() => validateGenerationRequest(extreme, limits)).not.toThrow();
  });

  it.each<[string, Partial<GenerationRequest>]>([
    ['request_id', { requestId: '' }],
    ['cache_salt', { cacheSalt: 'x'.repeat(257) }],
    ['tenant', { tenant: '' }],
    ['tenant', { tenant: 'x'.repeat(65) }],
    ['attention.preset', { attention: { preset: 'sparse' as 'dense' } }],
    ['attention.plans', { attention: {} as never }],
    ['quality', { quality: 'best' as 'exact' }],
    ['n', { n: 0 }],
    ['n', { n: 17 }],
    ['n', { n: 1.5 }],
    ['max_tokens', { maxTokens: 0 }],
    ['max_tokens', { maxTokens: NaN }],
    ['logprobs', { logprobs: 21 }],
    ['prompt_logprobs', { promptLogprobs: -1 }],
    ['speculation.kind', { speculation: { kind: 'oracle' as 'lookup', maxDraftTokens: 4 } }],
    ['speculation.max_draft_tokens', { speculation: { kind: 'lookup', maxDraftTokens: 0 } }],
    ['speculation.max_draft_tokens', { speculation: { kind: 'lookup', maxDraftTokens: 33 } }],
    ['speculation.max_draft_tokens', { speculation: { kind: 'lookup', maxDraftTokens: 1.5 } }],
    ['priority', { priority: 0.5 }],
    ['priority', { priority: 2 ** 31 }],
    ['max_tokens', { maxTokens: Infinity }],
    ['deadline_ms', { deadlineMs: NaN }],
    ['prompt', { promptTokenIds: new Int32Array(0) }],
    ['prompt', { promptTokenIds: Int32Array.of(50) }],
    ['prompt', { promptTokenIds: Int32Array.of(-1) }],
    ['temperature', { sampling: { ...sampling, temperature: 2.1 } }],
    ['temperature', { sampling: { ...sampling, temperature: NaN } }],
    ['top_p', { sampling: { ...sampling, topP: 0 } }],
    ['top_k', { sampling: { ...sampling, topK: -1 } }],
    ['min_p', { sampling: { ...sampling, minP: 1.1 } }],
    ['repetition_penalty', { sampling: { ...sampling, repetitionPenalty: 0 } }],
    ['repetition_penalty', { sampling: { ...sampling, repetitionPenalty: 1e-39 } }],
    ['repetition_penalty', { sampling: { ...sampling, repetitionPenalty: 0.0099 } }],
    ['repetition_penalty', { sampling: { ...sampling, repetitionPenalty: 100.1 } }],
    ['repetition_penalty', { sampling: { ...sampling, repetitionPenalty: Infinity } }],
    ['presence_penalty', { sampling: { ...sampling, presencePenalty: 2.5 } }],
    ['frequency_penalty', { sampling: { ...sampling, frequencyPenalty: -3 } }],
    ['seed', { sampling: { ...sampling, seed: 2n ** 64n } }],
    ['logit_bias', { sampling: { ...sampling, logitBias: new Map([[50, 1]]) } }],
    ['logit_bias', { sampling: { ...sampling, logitBias: new Map([[1, 101]]) } }],
    ['stop', { stop: { ...stop, strings: [''] } }],
    ['stop', { stop: { ...stop, strings: Array.from({ length: 17 }, () => 'a') } }],
    ['stop_token_ids', { stop: { ...stop, tokenIds: [50] } }],
    ['min_tokens', { stop: { ...stop, minTokens: 98 } }],
  ])('outside a bound names the field: %s', (field, change) => {
    expect(() => validateGenerationRequest({ ...valid, ...change }, limits)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', field }),
    );
  });

  it.each(Object.keys(samplingRanges) as (keyof typeof samplingRanges)[])(
    'never holds a %s that is no number',
    (key) => {
      for (const value of [NaN, Infinity, -Infinity]) {
        const request = { ...valid, sampling: { ...sampling, [key]: value } };
        expect(() => validateGenerationRequest(request, limits)).toThrow(
          expect.objectContaining({ code: 'INVALID_ARGUMENT', field: samplingFieldNames[key] }),
        );
      }
    },
  );

  it('longer than the context says by how much, in the words that clients look for', () => {
    expect(() => validateGenerationRequest({ ...valid, maxTokens: 98 }, limits)).toThrow(
      expect.objectContaining({
        reason: 'CONTEXT_LENGTH_EXCEEDED',
        message: expect.stringContaining("This model's maximum context length is 100 tokens") as unknown,
        field: 'max_tokens',
        details: { contextLength: 100, promptTokens: 3, maxTokens: 98 },
      }),
    );
  });
});
