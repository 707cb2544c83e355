import type { Engine, EngineObserver, LoadOutcome } from '@longhaul/engine';
import { count, observe, record, type EventLog } from '@longhaul/platform-otel';
import { WARM_UP_ID } from '../engine/warm-up.js';

const MS_PER_S = 1000;

/** What the engine does, as metrics and log lines. The warm-up is nobody's request and is not counted as one. */
export function meteredEngineObserver(modelName: string, log: EventLog): EngineObserver {
  const labels = { model_name: modelName };
  count('preemptions', 0, labels);
  count('prefixCacheQueries', 0, labels);
  count('prefixCacheHits', 0, labels);
  return {
    step(outcome) {
      if (outcome.kind === 'failed') {
        log.failure('step-failed', outcome.error, { sequences: outcome.sequences });
        return;
      }
      const { prefillTokens, decodeTokens, planMs, waitMs, commitMs } = outcome.stats;
      record('stepTokens', prefillTokens + decodeTokens, labels);
      record('stepDuration', (planMs + waitMs + commitMs) / MS_PER_S, labels);
    },
    admitted({ requestId, promptTokens, cachedTokens }) {
      if (requestId === WARM_UP_ID) return;
      count('prefixCacheQueries', promptTokens, labels);
      count('prefixCacheHits', cachedTokens, labels);
    },
    preempted({ requestId, choice, lostTokens }) {
      count('preemptions', 1, labels);
      log.info('sequence-preempted', { requestId, choice, lostTokens });
    },
    prefixLoaded(load) {
      const { askedTokens, tokens, chosenBlocks, matchedBlocks, ms, error, requestId } = load;
      count('externalCacheQueries', askedTokens, labels);
      count('externalCacheHits', tokens, labels);
      count('promptTokensBySource', tokens, { ...labels, source: 'external_kv_transfer' });
      if (matchedBlocks > 0) count('kvLoadDecisions', 1, { ...labels, decision: decisionOf(load) });
      if (chosenBlocks > 0) record('kvLoadDuration', ms / MS_PER_S, labels);
      if (error !== null && error.code !== 'CANCELLED') log.failure('prefix-load-failed', error, { requestId, tokens });
    },
    blocksDropped({ reason, error, blocks }) {
      count('kvWriteBehindDropped', blocks, { ...labels, reason: error?.reason ?? reason });
      if (error !== null) log.failure('block-write-failed', error);
    },
    finished({ requestId, timings }) {
      if (requestId === WARM_UP_ID) return;
      record('requestQueueTime', timings.queueMs / MS_PER_S, labels);
      record('requestPrefillTime', timings.prefillMs / MS_PER_S, labels);
      record('requestDecodeTime', timings.decodeMs / MS_PER_S, labels);
    },
  };
}

function decisionOf({ chosenBlocks, loadedBlocks }: LoadOutcome): 'load' | 'recompute' | 'failed' {
  if (chosenBlocks === 0) return 'recompute';
  return loadedBlocks < chosenBlocks ? 'failed' : 'load';
}

/** Reads the engine's gauges until the returned function is called. */
export function observeEngine(engine: Engine, modelName: string): () => void {
  const labels = { model_name: modelName };
  const stops = [
    observe('requestsRunning', () => engine.load().running, labels),
    observe('requestsWaiting', () => engine.load().waiting, labels),
    observe('kvCacheUsage', () => engine.load().kvUsage, labels),
    observe('kvWriteBehindQueue', () => engine.storeActivity()?.queuedBlocks ?? 0, labels),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
