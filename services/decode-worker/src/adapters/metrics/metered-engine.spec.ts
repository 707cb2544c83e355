import { describe, expect, it } from '@jest/globals';
import type { Engine, EngineObserver, LoadOutcome, StepStats } from '@longhaul/engine';
import { AppError } from '@longhaul/kernel';
import { EventLog, METRIC_OWNERS, METRICS, observe, startTelemetry } from '@longhaul/platform-otel';
import { WARM_UP_ID } from '../engine/warm-up.js';
import { meteredEngineObserver, observeEngine } from './metered-engine.js';

const telemetry = startTelemetry({ serviceName: 'test', env: {} });
const log = new EventLog('test', 'silent');
const notFinite = new AppError({ code: 'INTERNAL', reason: 'MODEL_OUTPUT_NOT_FINITE', message: '' });
const stats: StepStats = {
  ...{ sequences: 1, prefillTokens: 30, decodeTokens: 2, draftTokens: 0, prefillPairs: 1, gatedSequences: 0 },
  ...{ planMs: 1, runMs: 1, sampleMs: 1, kvReadBytes: 4096, waitMs: 1, compareMs: 1, commitMs: 1 },
};
const load: LoadOutcome = {
  ...{ askedTokens: 64, matchedBlocks: 1, chosenBlocks: 1, loadedBlocks: 1 },
  ...{ ms: 5, overlapMs: 2, waitedMs: 1, error: null },
} as LoadOutcome;

/** Tells the observer everything that an engine tells, once. */
function tellAll(observer: EngineObserver, requestId: string): void {
  observer.step?.({ kind: 'committed', stats });
  observer.step?.({ kind: 'failed', error: notFinite, sequences: 1, gaveUp: 0 });
  observer.queued?.({ requestId, promptTokens: 100, maxTokens: 8, n: 2, waiting: 1 });
  observer.admitted?.({ requestId, queueMs: 1, promptTokens: 100, cachedTokens: 80, loadedTokens: 64 });
  observer.tokens?.({ requestId, kind: 'prompt', source: 'local_compute', tokens: 20 });
  observer.tokens?.({ requestId, kind: 'prompt', source: 'local_cache_hit', tokens: 16 });
  observer.tokens?.({ requestId, kind: 'prompt', source: 'external_kv_transfer', tokens: 64 });
  observer.tokens?.({ requestId, kind: 'recomputed', tokens: 3 });
  observer.tokens?.({ requestId, kind: 'generated', tokens: 1 });
  observer.verified?.({ requestId, drafted: 4, accepted: 2 });
  observer.draftingFailed?.({ requestId, error: notFinite });
  const violation = { kind: 'pages', message: 'page 1: 1 references, 0 holders' } as const;
  observer.checked?.({ fresh: [violation, violation], violations: 2 });
  observer.preempted?.({ requestId, choice: 0, lostTokens: 3 });
  observer.prefixLoaded?.({ requestId, tokens: 64, ...load });
  observer.blockEvicted?.({ lifetimeMs: 10, idleMs: 5 });
  observer.blockReused?.({ gapMs: 5 });
  observer.blocksDropped?.({ reason: 'evicted', error: null, blocks: 1 });
  observer.audited?.({
    ...{ requestId, label: 'fast', breach: true, kl: 0.5 },
    queries: { samples: 2, recall: 0.25, error: 0.5 },
  });
  observer.comparisonFailed?.({ requestId, error: notFinite });
  observer.fellBack?.({ requestId, choice: 0, label: 'fast', to: 'denser', recall: 0.25, kl: null });
  observer.failed?.({ requestId, error: notFinite });
  observer.finished?.({
    ...{ requestId, reasons: ['stop', 'length'], longestChoiceTokens: 8, totalMs: 9 },
    usage: {
      ...{ promptTokens: 100, cachedTokens: 80, completionTokens: 10, draftedTokens: 4, acceptedTokens: 2 },
      attention: null,
    },
    policy: { label: 'balanced', density: { prefill: 0.25, decode: null } },
    timings: { queueMs: 1, prefillMs: 2, decodeMs: 6 },
  });
}

function observedEngine(model: string): () => void {
  const engine = {
    load: () => ({ ready: true, running: 1, waiting: 1, kvUsage: 0.5 }),
    queues: () => ({ running: 1, waiting: 2, loading: 3 }),
    drafterBytes: () => 5,
    scratchPagesInUse: () => 1,
    storeActivity: () => ({ queuedBlocks: 4 }),
  } as Pick<Engine, 'load'> as Engine;
  const stops = [
    observeEngine(engine, model, {
      ...{ pages: 8, dtype: 'bf16' },
      kernels: { levels: { 'attention/bf16': 'avx2', 'linear/int8': 'scalar' }, source: 'measured', profileId: 'p' },
    }),
    // The age of a step belongs to the engine's health.
    observe('stepAge', () => 1, { model_name: model }),
  ];
  return () => stops.forEach((stop) => stop());
}

/** Samples of the engine's metrics for a model: what a histogram has counted, and every labelled value of the others. */
async function samples(model: string): Promise<Map<string, number[]>> {
  const lines = (await telemetry.metricsText()).split('\n').filter((line) => line.includes(`model_name="${model}"`));
  return new Map(
    METRIC_OWNERS.engine.map((key) => {
      const { name, kind } = METRICS[key];
      const sample = kind === 'histogram' ? `${name}_count` : name;
      const found = lines.filter((line) => line.startsWith(`${sample}{`));
      return [key, found.map((line) => Number(line.split(' ').at(-1)))];
    }),
  );
}

describe("the engine's metrics", () => {
  it('are all there before the first request; what counts is zero, for every known label', async () => {
    meteredEngineObserver('fresh', log);
    const stop = observedEngine('fresh');
    const found = await samples('fresh');
    stop();
    for (const [key, values] of found) expect([key, values.length > 0]).toEqual([key, true]);
    for (const key of METRIC_OWNERS.engine) {
      if (METRICS[key].kind !== 'gauge') expect([key, new Set(found.get(key))]).toEqual([key, new Set([0])]);
    }
    expect(found.get('promptTokensBySource')).toHaveLength(3);
  });

  it('are all fed: what an engine tells moves each of them', async () => {
    const observer = meteredEngineObserver('driven', log);
    const stop = observedEngine('driven');
    tellAll(observer, 'r');
    const found = await samples('driven');
    stop();
    for (const [key, values] of found) expect([key, Math.max(...values)]).toEqual([key, expect.any(Number)]);
    for (const [key, values] of found) expect([key, Math.max(...values) > 0]).toEqual([key, true]);
  });

  it('agree with each other: prompt tokens are those of all sources, cached ones those that were not computed', async () => {
    const observer = meteredEngineObserver('sums', log);
    tellAll(observer, 'r');
    const found = await samples('sums');
    expect(found.get('promptTokens')).toEqual([100]);
    expect(found.get('promptTokensBySource')?.reduce((sum, value) => sum + value, 0)).toBe(100);
    expect(found.get('promptTokensCached')).toEqual([80]);
    expect(found.get('prefixCacheHits')).toEqual([16]);
    expect(found.get('externalCacheHits')).toEqual([64]);
  });

  it("leave the warm-up out: it is nobody's request", async () => {
    const observer = meteredEngineObserver('warm', log);
    tellAll(observer, WARM_UP_ID);
    const found = await samples('warm');
    const keys = [
      'promptTokens',
      'generationTokens',
      'prefixCacheQueries',
      'requestChoices',
      'requestQueueTime',
    ] as const;
    for (const key of keys) expect([key, found.get(key)]).toEqual([key, [0]]);
  });

  it('have the names that dashboards for vLLM read, with the label engine', async () => {
    meteredEngineObserver('alias', log);
    const text = await telemetry.metricsText();
    for (const line of [
      'vllm:prompt_tokens_total{engine="0",model_name="alias"} 0',
      'vllm:prompt_tokens_by_source_total{engine="0",model_name="alias",source="local_compute"} 0',
      'vllm:corrupted_requests_total{engine="0",model_name="alias"} 0',
      'vllm:iteration_tokens_total_count{engine="0",model_name="alias"} 0',
      'vllm:request_params_max_tokens_sum{engine="0",model_name="alias"} 0',
      'vllm:kv_block_lifetime_seconds_bucket{engine="0",model_name="alias",le="+Inf"} 0',
    ]) {
      expect(text).toContain(line);
    }
  });
});
