import { describe, expect, it } from '@jest/globals';
import { DENSE } from '@longhaul/attention';
import { workerV1, type inferenceV1 } from '@longhaul/contracts';
import { qualityNames, type GenerationRequest } from '@longhaul/inference';
import { fromWorkerRequest, toWorkerRequest } from './worker-request.js';

const request: GenerationRequest = {
  ...{ requestId: 'r', promptTokenIds: Int32Array.of(1, 2), n: 1, maxTokens: 3, priority: -1, deadlineMs: 7 },
  ...{ tenant: 'team', cacheSalt: 'salt', attention: DENSE, quality: null },
  sampling: {
    ...{ temperature: 0, topP: 1, topK: 0, minP: 0, repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0 },
    ...{ logitBias: new Map([[1, 2]]), seed: 2n ** 64n - 1n },
  },
  stop: { strings: ['x'], tokenIds: [4], includeStopString: true, ignoreEos: false, minTokens: 0 },
  ...{
    logprobs: 0,
    promptLogprobs: null,
    includeSpecialTokens: true,
    speculation: { kind: 'lookup', maxDraftTokens: 7 },
  },
};

function overTheWire(message: workerV1.GenerateRequest): workerV1.GenerateRequest {
  return workerV1.GenerateRequest.decode(workerV1.GenerateRequest.encode(message).finish());
}

describe('a request for a worker', () => {
  it.each([null, ...qualityNames])('arrives as it was sent, with quality %s', (quality) => {
    const asked = { ...request, quality };
    expect(fromWorkerRequest(overTheWire(toWorkerRequest(asked)), 7)).toEqual(asked);
  });

  it.each<[string, Partial<workerV1.GenerateRequest>, string]>([
    ['no policy', { attention: '' }, 'not JSON'],
    ['a policy that there is not', { attention: '"quest"' }, 'dense'],
    ['a kind of speculation that there is not', { speculation: { kind: 9 as inferenceV1.SpeculationKind } }, 'lookup'],
    ['a class that there is not', { quality: 99 as workerV1.GenerateRequest['quality'] }, 'exact, near'],
  ])('with %s is refused with the field and what there is', (_, change, known) => {
    const [named = ''] = Object.keys(change);
    const field = named === 'speculation' ? 'speculation.kind' : named;
    const read = () => fromWorkerRequest({ ...toWorkerRequest(request), ...change }, null);
    expect(read).toThrow(expect.objectContaining({ field, message: expect.stringContaining(known) }));
  });
});
