import { inferenceV1 } from '@longhaul/contracts';
import type {
  FinishReason,
  GenerationEvent,
  GenerationTimings,
  GenerationUsage,
  TokenLogprob,
} from '@longhaul/inference';
import { fromAttentionUsage, toAttentionUsage } from './attention-usage.js';
import { protocolError } from './protocol-error.js';

const REASONS: Readonly<Record<FinishReason, inferenceV1.FinishReason>> = {
  stop: inferenceV1.FinishReason.FINISH_REASON_STOP,
  length: inferenceV1.FinishReason.FINISH_REASON_LENGTH,
  cancelled: inferenceV1.FinishReason.FINISH_REASON_CANCELLED,
};

/** A domain event as a message of either API. */
export function toGenerateResponse(event: GenerationEvent, promptTokens: number): inferenceV1.GenerateResponse {
  switch (event.kind) {
    case 'prompt': {
      const logprobs = (event.promptLogprobs ?? []).map((entry) => toLogprob(entry ?? UNSCORED));
      return { event: { $case: 'prompt', value: { promptTokens, cachedTokens: event.cachedTokens, logprobs } } };
    }
    case 'delta': {
      const { choice, text, tokenIds, logprobs } = event;
      const value = { choice, text, tokenIds: [...tokenIds], logprobs: (logprobs ?? []).map(toLogprob) };
      return { event: { $case: 'delta', value } };
    }
    case 'finished': {
      const value = { choice: event.choice, reason: REASONS[event.reason], stopString: event.stopString ?? '' };
      return { event: { $case: 'finished', value } };
    }
    case 'done':
      return { event: { $case: 'done', value: toDone(event.usage, event.timings) } };
  }
}

/** What stands for the first prompt token, which nothing predicts. */
const UNSCORED: TokenLogprob = { tokenId: 0, logprob: Number.NaN, top: [] };

/** Which optional lists the request asked for: the wire cannot tell an empty list from none. */
export interface Asked {
  logprobs: boolean;
  promptLogprobs: boolean;
}

/** The inverse of `toGenerateResponse`. */
export function fromGenerateResponse({ event }: inferenceV1.GenerateResponse, asked: Asked): GenerationEvent {
  switch (event?.$case) {
    case 'prompt': {
      const { cachedTokens, logprobs } = event.value;
      const scores = logprobs.map((entry) => (Number.isNaN(entry.logprob) ? null : entry));
      return { kind: 'prompt', cachedTokens, promptLogprobs: asked.promptLogprobs ? scores : null };
    }
    case 'delta': {
      const { choice, text, tokenIds, logprobs } = event.value;
      return { kind: 'delta', choice, text, tokenIds, logprobs: asked.logprobs ? logprobs : null };
    }
    case 'finished': {
      const { choice, reason, stopString } = event.value;
      return { kind: 'finished', choice, reason: reasonOf(reason), stopString: stopString === '' ? null : stopString };
    }
    case 'done': {
      const { queueMs, prefillMs, decodeMs, attention, ...counts } = event.value;
      const usage = { ...counts, attention: fromAttentionUsage(attention) };
      return { kind: 'done', usage, timings: { queueMs, prefillMs, decodeMs } };
    }
    case undefined:
      throw protocolError('an event of no known kind');
  }
}

function toDone({ attention, ...counts }: GenerationUsage, timings: GenerationTimings): inferenceV1.DoneEvent {
  return { ...counts, ...timings, attention: toAttentionUsage(attention) };
}

function reasonOf(reason: inferenceV1.FinishReason): FinishReason {
  const found = Object.entries(REASONS).find(([, wire]) => wire === reason);
  if (!found) throw protocolError('an unknown finish reason');
  return found[0] as FinishReason;
}

function toLogprob({ tokenId, logprob, top }: TokenLogprob): inferenceV1.TokenLogprob {
  return { tokenId, logprob, top: top.map((item) => ({ ...item })) };
}
