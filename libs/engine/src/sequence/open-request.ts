import type { GenerationRequest } from '@longhaul/inference';
import { auditKey } from '../attention/audit.js';
import { AttentionTally } from '../attention/attention-tally.js';
import { effective, positionFacts } from '../attention/compiled-policies.js';
import { PositionRules } from '../attention/position-rules.js';
import type { EngineContext } from '../context.js';
import type { EventBuffer } from '../stream/event-buffer.js';
import { ChoiceOutput } from './choice-output.js';
import { type RequestState, Sequence } from './sequence.js';
import { TokenStatistics } from './token-statistics.js';

/** The engine's record of a valid request, with its first sequence. */
export function openRequest(request: GenerationRequest, context: EngineContext, events: EventBuffer): RequestState {
  const { model, rope, clock } = context;
  // The text decides, not what may be added to it: with any `maxTokens` a prompt gives the same answer and finds its prefix.
  const table = rope.forLength(request.promptTokenIds.length);
  const bias = [...request.sampling.logitBias];
  const compiled = context.policies.of(request.attention);
  const policy = effective(compiled);
  const state: RequestState = {
    request,
    rope: table,
    root: context.roots.of({ ...request, policy }, table.key),
    ...{ compiled, policy },
    rules: new PositionRules(policy && positionFacts(policy), request.promptTokenIds.length),
    ...auditOf(request, context, policy !== null),
    attention: new AttentionTally(),
    events,
    biasTokens: Int32Array.from(bias, ([token]) => token),
    biasValues: Float32Array.from(bias, ([, value]) => value),
    endTokens: Int32Array.from(new Set([...model.eosTokenIds, ...request.stop.tokenIds])),
    stopTokens: new Set([...(request.stop.ignoreEos ? [] : model.eosTokenIds), ...request.stop.tokenIds]),
    sequences: [],
    forkPending: request.n > 1,
    // The first token has no predecessor that could predict it.
    promptLogprobs: request.promptLogprobs === null ? null : [null],
    cachedTokens: 0,
    ...{ completionTokens: 0, draftedTokens: 0, acceptedTokens: 0 },
    unfinished: request.n,
    ended: false,
    submittedMs: clock.monotonicMs(),
    admittedMs: null,
    admissionReported: false,
    firstTokenMs: null,
    detach: () => undefined,
  };
  state.sequences.push(openChoice(state, 0, context));
  return state;
}

/** Nothing is hashed where nothing is compared. */
function auditOf(
  { promptTokenIds }: GenerationRequest,
  { audit: { share, klShare } }: EngineContext,
  sparse: boolean,
): Pick<RequestState, 'auditKey' | 'audit'> {
  if (!sparse || share + klShare === 0) return { auditKey: 0n, audit: {} };
  const key = auditKey(promptTokenIds);
  return { auditKey: key, audit: share === 0 ? {} : { audit: { key, share } } };
}

/** Gives a sequence of which nothing is computed the tables for its length. */
export function retable(sequence: Sequence, context: EngineContext): void {
  const table = context.rope.forLength(sequence.tokens.length);
  const { request, policy } = sequence.owner;
  sequence.retable(table, context.roots.of({ ...request, policy }, table.key));
}

/** A choice of a request that has generated nothing yet. */
export function openChoice(owner: RequestState, choice: number, context: EngineContext): Sequence {
  const { request } = owner;
  return new Sequence(owner, choice, {
    tokens: request.promptTokenIds,
    output: new ChoiceOutput(request, context),
    statistics: statisticsOf(request),
  });
}

function statisticsOf(request: GenerationRequest): TokenStatistics | null {
  const { repetitionPenalty, presencePenalty, frequencyPenalty } = request.sampling;
  const repetition = repetitionPenalty !== 1;
  if (!repetition && presencePenalty === 0 && frequencyPenalty === 0) return null;
  // Only the repetition penalty looks at the prompt.
  return new TokenStatistics(repetition ? request.promptTokenIds : new Int32Array(0));
}
