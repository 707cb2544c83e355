import { describe, expect, it } from '@jest/globals';
import {
  declareSeries,
  EventLog,
  METRIC_OWNERS,
  METRICS,
  observe,
  reportEnd,
  startTelemetry,
  type GaugeKey,
} from '@longhaul/platform-otel';
import { meteredObserver } from './metered-observer.js';

const telemetry = startTelemetry({ serviceName: 'test', env: {} });

/** Samples of the router's metrics: what a histogram has counted, and every labelled value of the others. */
async function samples(): Promise<Map<string, number[]>> {
  const lines = (await telemetry.metricsText()).split('\n');
  return new Map(
    METRIC_OWNERS.router.map((key) => {
      const { name, kind } = METRICS[key];
      const sample = kind === 'histogram' ? `${name}_count` : name;
      const found = lines.filter((line) => line.startsWith(`${sample}{`) || line.startsWith(`${sample} `));
      return [key, found.map((line) => Number(line.split(' ').at(-1)))];
    }),
  );
}

describe("the router's metrics", () => {
  it('are all there before the first request, at zero', async () => {
    declareSeries('router');
    declareSeries('router', { model_name: 'm' });
    const gauges = METRIC_OWNERS.router.filter((key) => METRICS[key].kind === 'gauge');
    for (const key of gauges) observe(key as GaugeKey, () => 1);
    for (const [key, values] of await samples()) {
      const expected = METRICS[key as (typeof METRIC_OWNERS.router)[number]].kind === 'gauge' ? 1 : 0;
      expect([key, new Set(values)]).toEqual([key, new Set([expected])]);
    }
  });

  it('are all fed: what requests do moves each of them', async () => {
    const observer = meteredObserver();
    observer.firstToken('m', 1);
    observer.nextTokens('m', 1);
    observer.choiceFinished('m', 'stop');
    const usage = {
      promptTokens: 3,
      cachedTokens: 1,
      completionTokens: 2,
      draftedTokens: 0,
      acceptedTokens: 0,
      attention: null,
    };
    observer.requestFinished('m', usage, 1);
    observer.requestFailed('m', 'INTERNAL', 1);
    observer.requestRejected('TOO_MANY_REQUESTS');
    observer.clientLost('STALLED');
    reportEnd(new EventLog('test', 'silent'), {
      ...{ api: 'http', method: 'POST /v1/completions', status: '200', reason: 'OK', durationMs: 1 },
      ...{ requestId: 'r', inTrace: (action) => action() },
    });
    for (const [key, values] of await samples()) expect([key, Math.max(...values) > 0]).toEqual([key, true]);
  });
});
