import {
  PAGE_TOKENS,
  type Engine,
  type EngineObserver,
  type FinishedRequest,
  type LoadOutcome,
  type TokenTally,
  type Violation,
  type ViolationKind,
} from '@longhaul/engine';
import { AppError } from '@longhaul/kernel';
import { count, declareSeries, observe, record, type EventLog } from '@longhaul/platform-otel';
import type { ChosenKernels } from '../kernels/choose-kernels.js';
import { WARM_UP_ID } from '../engine/warm-up.js';

const MS_PER_S = 1000;

/** What the engine does, as metrics and log lines. The warm-up is nobody's request and is not counted as one. */
export function meteredEngineObserver(modelName: string, log: EventLog): EngineObserver {
  const labels = { model_name: modelName };
  declareSeries('engine', labels);
  const report = violationReporter(labels, log);
  return {
    step(outcome) {
      if (outcome.kind === 'failed') {
        count('failedSteps', 1, labels);
        log.failure('step-failed', outcome.error, { sequences: outcome.sequences });
        return;
      }
      const { prefillTokens, decodeTokens, draftTokens, planMs, waitMs, compareMs, commitMs, kvReadBytes } =
        outcome.stats;
      count('kvReadBytes', kvReadBytes, labels);
      record('stepTokens', prefillTokens + decodeTokens + draftTokens, labels);
      record('stepDuration', (planMs + waitMs + compareMs + commitMs) / MS_PER_S, labels);
    },
    queued({ requestId, maxTokens, n }) {
      if (requestId === WARM_UP_ID) return;
      record('requestMaxTokens', maxTokens, labels);
      record('requestChoices', n, labels);
    },
    admitted({ requestId, promptTokens, cachedTokens, loadedTokens }) {
      if (requestId === WARM_UP_ID) return;
      count('prefixCacheQueries', promptTokens, labels);
      count('prefixCacheHits', cachedTokens - loadedTokens, labels);
    },
    tokens(tally) {
      if (tally.requestId !== WARM_UP_ID) countTokens(tally, labels);
    },
    verified({ drafted, accepted }) {
      count('drafts', 1, labels);
      count('draftTokens', drafted, labels);
      count('acceptedTokens', accepted, labels);
      for (let i = 0; i < accepted; i++) count('acceptedTokensByPosition', 1, { ...labels, position: String(i) });
    },
    draftingFailed({ requestId, error }) {
      count('draftingFailures', 1, labels);
      log.failure('drafting-failed', error, { requestId });
    },
    checked({ fresh }) {
      count('invariantChecks', 1, labels);
      for (const violation of fresh) report(violation);
    },
    failed({ error }) {
      if (error.reason === 'MODEL_OUTPUT_NOT_FINITE') count('corruptedRequests', 1, labels);
    },
    broken: ({ error }) => log.failure('engine-failed', error.cause ?? error),
    preempted({ requestId, choice, lostTokens }) {
      count('preemptions', 1, labels);
      log.info('sequence-preempted', { requestId, choice, lostTokens });
    },
    prefixLoaded(load) {
      const { askedTokens, tokens, chosenBlocks, matchedBlocks, ms, overlapMs, waitedMs, error, requestId } = load;
      count('externalCacheQueries', askedTokens, labels);
      count('externalCacheHits', tokens, labels);
      if (matchedBlocks > 0) count('kvLoadDecisions', 1, { ...labels, decision: decisionOf(load) });
      if (chosenBlocks > 0) record('kvLoadDuration', ms / MS_PER_S, labels);
      if (overlapMs > 0) record('kvLoadOverlap', overlapMs / MS_PER_S, labels);
      if (waitedMs > 0) record('kvLoadWait', waitedMs / MS_PER_S, labels);
      if (error !== null && error.code !== 'CANCELLED') log.failure('prefix-load-failed', error, { requestId, tokens });
    },
    blockEvicted({ lifetimeMs, idleMs }) {
      record('blockLifetime', lifetimeMs / MS_PER_S, labels);
      record('blockIdle', idleMs / MS_PER_S, labels);
    },
    blockReused: ({ gapMs }) => record('blockReuseGap', gapMs / MS_PER_S, labels),
    blocksDropped({ reason, error, blocks }) {
      count('kvWriteBehindDropped', blocks, { ...labels, reason: error?.reason ?? reason });
      if (error !== null) log.failure('block-write-failed', error);
    },
    ...auditObserver(labels, log),
    finished(request) {
      if (request.requestId !== WARM_UP_ID) recordFinished(request, labels);
    },
  };
}

/** What comparing policies with dense attention finds. */
function auditObserver(
  labels: { model_name: string },
  log: EventLog,
): Pick<EngineObserver, 'audited' | 'comparisonFailed' | 'fellBack'> {
  return {
    audited({ label, queries, kl, breach }) {
      const of = { ...labels, policy: label };
      if (queries !== null) {
        count('attentionAuditSamples', queries.samples, of);
        record('attentionAuditRecall', queries.recall, of);
        record('attentionAuditError', queries.error, of);
      }
      if (kl !== null) record('attentionAuditKl', kl, of);
      if (breach) count('attentionAuditBreaches', 1, of);
    },
    comparisonFailed({ requestId, error }) {
      count('attentionAuditFailedComparisons', 1, labels);
      log.failure('comparison-failed', error, { requestId });
    },
    fellBack({ requestId, choice, label, to, recall, kl }) {
      count('attentionAuditFallbacks', 1, { ...labels, policy: label, to });
      const means = { recall: recall ?? undefined, kl: kl ?? undefined };
      log.warning('attention-fell-back', { requestId, choice, policy: label, to, ...means });
    },
  };
}

/** Counts every violation; the first one of each kind is logged, whose sentence says what to look for. */
function violationReporter(labels: { model_name: string }, log: EventLog): (violation: Violation) => void {
  const told = new Set<ViolationKind>();
  return ({ kind, message }) => {
    count('invariantViolations', 1, { ...labels, kind });
    if (told.has(kind)) return;
    told.add(kind);
    log.failure('invariant-violated', new AppError({ code: 'INTERNAL', reason: 'INVARIANT_VIOLATED', message }), {
      kind,
    });
  };
}

/** Whatever the source, a prompt token counts once among all, and once among the cached ones if it is one. */
function countTokens(tally: TokenTally, labels: { model_name: string }): void {
  const { tokens } = tally;
  if (tally.kind !== 'prompt') {
    count(tally.kind === 'generated' ? 'generationTokens' : 'recomputedTokens', tokens, labels);
    return;
  }
  const { source } = tally;
  count('promptTokens', tokens, labels);
  count('promptTokensBySource', tokens, { ...labels, source });
  if (source !== 'local_compute') count('promptTokensCached', tokens, labels);
}

function recordPolicy({ policy }: FinishedRequest, labels: { model_name: string }): void {
  const of = { ...labels, policy: policy.label };
  count('attentionRequests', 1, of);
  for (const [phase, density] of Object.entries(policy.density)) {
    if (density !== null) record('attentionDensity', density, { ...of, phase });
  }
}

function recordFinished(request: FinishedRequest, labels: { model_name: string }): void {
  recordPolicy(request, labels);
  const { timings, usage, reasons, longestChoiceTokens } = request;
  record('requestLongestChoice', longestChoiceTokens, labels);
  const { queueMs, prefillMs, decodeMs } = timings;
  record('requestQueueTime', queueMs / MS_PER_S, labels);
  record('requestPrefillTime', prefillMs / MS_PER_S, labels);
  record('requestDecodeTime', decodeMs / MS_PER_S, labels);
  record('requestInferenceTime', (prefillMs + decodeMs) / MS_PER_S, labels);
  record('requestPrefillComputed', usage.promptTokens - usage.cachedTokens, labels);
  // The choices of a request decode side by side; the first token of each is prefill's.
  const laterTokens = usage.completionTokens / reasons.length - 1;
  if (laterTokens > 0) record('requestTimePerOutputToken', decodeMs / laterTokens / MS_PER_S, labels);
}

function decisionOf({ chosenBlocks, loadedBlocks }: LoadOutcome): 'load' | 'recompute' | 'failed' {
  if (chosenBlocks === 0) return 'recompute';
  return loadedBlocks < chosenBlocks ? 'failed' : 'load';
}

/** How the KV pool is laid out. */
export interface PoolFacts {
  pages: number;
  dtype: string;
}

/** What an engine runs on, for its info gauges. */
export interface EngineFacts extends PoolFacts {
  kernels: ChosenKernels;
}

/** Reads the engine's gauges until the returned function is called. */
export function observeEngine(engine: Engine, modelName: string, facts: EngineFacts): () => void {
  const labels = { model_name: modelName };
  const layout = { block_size: String(PAGE_TOKENS), num_gpu_blocks: String(facts.pages), cache_dtype: facts.dtype };
  const stops = [
    observe('cacheConfig', () => 1, { ...labels, ...layout }),
    observe('requestsRunning', () => engine.queues().running, labels),
    observe('requestsWaiting', () => engine.queues().waiting + engine.queues().loading, labels),
    observe('waitingByReason', () => engine.queues().waiting, { ...labels, reason: 'capacity' }),
    observe('waitingByReason', () => engine.queues().loading, { ...labels, reason: 'deferred' }),
    observe('kvCacheUsage', () => engine.load().kvUsage, labels),
    observe('attentionAuditScratchPages', () => engine.scratchPagesInUse(), labels),
    observe('drafterBytes', () => engine.drafterBytes(), labels),
    ...kernelLabels(facts.kernels).map((kernel) => observe('kernelInfo', () => 1, { ...labels, ...kernel })),
    observe('kvWriteBehindQueue', () => engine.storeActivity()?.queuedBlocks ?? 0, labels),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** `attention/bf16` is an operator and a type. */
function kernelLabels({
  levels,
  source,
}: ChosenKernels): { operator: string; dtype: string; level: string; source: string }[] {
  return Object.entries(levels).map(([name, level]) => {
    const [operator = name, dtype = ''] = name.split('/');
    return { operator, dtype, level, source };
  });
}
