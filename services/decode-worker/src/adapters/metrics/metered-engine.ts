import type { Engine, EngineObserver } from '@longhaul/engine';
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
    finished({ requestId, timings }) {
      if (requestId === WARM_UP_ID) return;
      record('requestQueueTime', timings.queueMs / MS_PER_S, labels);
      record('requestPrefillTime', timings.prefillMs / MS_PER_S, labels);
      record('requestDecodeTime', timings.decodeMs / MS_PER_S, labels);
    },
  };
}

/** Reads the engine's gauges until the returned function is called. */
export function observeEngine(engine: Engine, modelName: string): () => void {
  const labels = { model_name: modelName };
  const stops = [
    observe('requestsRunning', () => engine.load().running, labels),
    observe('requestsWaiting', () => engine.load().waiting, labels),
    observe('kvCacheUsage', () => engine.load().kvUsage, labels),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
