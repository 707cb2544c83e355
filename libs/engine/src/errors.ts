import type { QualityName } from '@longhaul/inference';
import { AppError } from '@longhaul/kernel';

/** Everything the engine refuses or gives up with, in one place. */
export const engineErrors = {
  queueFull: (details: { waiting: number; maxWaiting: number; retryAfterMs: number }): AppError =>
    new AppError({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'QUEUE_FULL',
      retry: 'same',
      message: `${details.waiting} requests are waiting; at most ${details.maxWaiting} may. Try again later.`,
      details,
    }),
  queueTokensFull: (details: { waitingTokens: number; maxWaitingTokens: number; retryAfterMs: number }): AppError =>
    new AppError({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'QUEUE_FULL',
      retry: 'same',
      message: `The waiting prompts would exceed ${details.maxWaitingTokens} tokens. Try again later.`,
      details,
    }),
  kvCapacity: (details: { neededTokens: number; capacityTokens: number }): AppError =>
    new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'KV_CAPACITY_EXCEEDED',
      field: 'max_tokens',
      message: `Prompt and max_tokens need KV for ${details.neededTokens} tokens; the pool holds ${details.capacityTokens}.`,
      details,
    }),
  quality: (details: { asked: QualityName; given: QualityName }): AppError =>
    new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'QUALITY_NOT_AVAILABLE',
      field: 'quality',
      message: `quality is ${details.asked}; KV of this policy and KV type is ${details.given}. Ask for ${details.given}, or leave it out.`,
      details,
    }),
  noPolicies: (): AppError =>
    new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_ARGUMENT',
      field: 'attention',
      message: 'attention: this engine computes dense attention only.',
    }),
  policyRefused: (policy: string, cause: AppError): AppError =>
    new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_ARGUMENT',
      field: 'attention',
      message: `attention: this engine cannot compute ${policy}: ${cause.message}`,
      cause,
    }),
  stepTooSmall: (details: { policy: string; alignment: number; promptTokens: number }): AppError =>
    new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_ARGUMENT',
      field: 'attention',
      message:
        `attention: ${details.policy} computes prompts ${details.alignment} tokens at a time; a step of this engine may have ` +
        `no more than ${details.promptTokens} tokens of prompts. Raise --max-num-batched-tokens, or lower --max-num-seqs.`,
      details,
    }),
  scoredRowsTooFew: (details: { policy: string; alignment: number; maxScoreRows: number }): AppError =>
    new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_ARGUMENT',
      field: 'prompt_logprobs',
      message:
        `prompt_logprobs: under ${details.policy} a step scores ${details.alignment} tokens at a time; this engine scores ` +
        `${details.maxScoreRows} at most (limits.maxScoreRows).`,
      details,
    }),
  tooManyChoices: (n: number, maxSequences: number): AppError =>
    new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_ARGUMENT',
      field: 'n',
      message: `n is ${n}; this engine runs at most ${maxSequences} choices at once.`,
      details: { n, maxSequences },
    }),
  duplicateId: (): AppError =>
    new AppError({
      code: 'ALREADY_EXISTS',
      reason: 'REQUEST_ID_IN_USE',
      field: 'request_id',
      message: 'A request with this request_id is in flight.',
    }),
  draining: (): AppError => unavailable('ENGINE_DRAINING', 'The engine is draining and takes no more requests.'),
  closed: (): AppError => unavailable('ENGINE_CLOSED', 'The engine is closed.'),
  broken: (cause: unknown): AppError =>
    unavailable('ENGINE_FAILED', 'The engine has failed and must be restarted.', cause),
  stepFailed: (cause: AppError): AppError =>
    new AppError({
      code: 'INTERNAL',
      reason: 'STEP_FAILED',
      retry: 'other',
      message: 'The model could not compute this request.',
      cause,
    }),
  stepIncomplete: (): AppError =>
    new AppError({
      code: 'INTERNAL',
      reason: 'STEP_FAILED',
      message: 'The runner answered with fewer results than the step asked for.',
    }),
  outputNotFinite: (): AppError =>
    new AppError({
      code: 'INTERNAL',
      reason: 'MODEL_OUTPUT_NOT_FINITE',
      message: 'The model gave logits for this request that are not finite; no token can be drawn from them.',
    }),
  noTokenLeft: (): AppError =>
    new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'NO_TOKEN_LEFT',
      field: 'min_tokens',
      message: 'min_tokens excludes every token that ends the answer, and the model allows no other one here.',
    }),
  samplingRefused: (): AppError =>
    new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_ARGUMENT',
      field: 'sampling',
      message: 'A sampling parameter is outside its range.',
    }),
  deadline: (): AppError =>
    new AppError({ code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE_EXCEEDED', message: 'The deadline has passed.' }),
  stalled: (stallTimeoutMs: number): AppError =>
    new AppError({
      code: 'DEADLINE_EXCEEDED',
      reason: 'CONSUMER_STALLED',
      message: `Nothing was read from the stream for ${stallTimeoutMs} ms.`,
      details: { stallTimeoutMs },
    }),
  cancelled: (cause?: unknown): AppError =>
    new AppError({ code: 'CANCELLED', reason: 'CANCELLED', message: 'The request was cancelled.', cause }),
};

function unavailable(reason: string, message: string, cause?: unknown): AppError {
  return new AppError({ code: 'UNAVAILABLE', reason, retry: 'other', message, cause });
}
