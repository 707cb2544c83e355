import { parsePolicyText } from '@longhaul/attention';
import type { workerV1 } from '@longhaul/contracts';
import { type GenerationRequest, type SamplingParams } from '@longhaul/inference';
import { invalidArgument } from '@longhaul/kernel';
import { fromSampling, fromStop, toSampling, toStop } from './parameters.js';
import { fromQuality, toQuality } from './quality.js';
import { fromSpeculation, toSpeculation } from './speculation.js';

/** A request for a worker. The deadline is not in the message: it travels as the deadline of the call. */
export function toWorkerRequest(request: GenerationRequest): workerV1.GenerateRequest {
  return {
    requestId: request.requestId,
    promptTokenIds: Array.from(request.promptTokenIds),
    tenant: request.tenant,
    cacheSalt: request.cacheSalt,
    attention: JSON.stringify(request.attention),
    quality: toQuality(request.quality),
    n: request.n,
    maxTokens: request.maxTokens,
    sampling: toSampling(request.sampling),
    stop: toStop(request.stop),
    logprobs: request.logprobs ?? undefined,
    promptLogprobs: request.promptLogprobs ?? undefined,
    includeSpecialTokens: request.includeSpecialTokens,
    speculation: toSpeculation(request.speculation),
    priority: request.priority,
  };
}

/** The inverse. Throws `INVALID_ARGUMENT` where the sender left out what only it can decide, or asks for what there is not. */
export function fromWorkerRequest(message: workerV1.GenerateRequest, deadlineMs: number | null): GenerationRequest {
  return {
    requestId: message.requestId,
    promptTokenIds: Int32Array.from(message.promptTokenIds),
    tenant: message.tenant,
    cacheSalt: message.cacheSalt,
    attention: parsePolicyText('attention', message.attention),
    quality: fromQuality('quality', message.quality),
    n: message.n,
    maxTokens: message.maxTokens,
    sampling: completeSampling(fromSampling(message.sampling)),
    stop: fromStop(message.stop),
    logprobs: message.logprobs ?? null,
    promptLogprobs: message.promptLogprobs ?? null,
    includeSpecialTokens: message.includeSpecialTokens,
    speculation: fromSpeculation(message.speculation),
    priority: message.priority,
    deadlineMs,
  };
}

const REQUIRED = [
  'temperature',
  'topP',
  'topK',
  'minP',
  'repetitionPenalty',
  'presencePenalty',
  'frequencyPenalty',
  'seed',
] as const;

function completeSampling(sampling: Partial<SamplingParams>): SamplingParams {
  const missing = REQUIRED.find((key) => sampling[key] === undefined);
  if (missing !== undefined) throw invalidArgument(`sampling.${missing}`, `sampling.${missing} must be set.`);
  return { logitBias: new Map(), ...sampling } as SamplingParams;
}
