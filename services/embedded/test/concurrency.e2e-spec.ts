import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { engineViolations, type EngineSnapshot } from '@longhaul/engine';
import { mixedRequests, NEEDLE_3M, runAlone, runTraffic } from '@longhaul/testing';
import { PackageFolder } from './support/packages.js';
import { serve, type Served } from './support/serve.js';

const STREAMS = 32;
const REQUESTS = 32;
const TRAFFIC_MS = 10_000;
/** Holds a third of what 32 long streams want, so that sequences are preempted and cached pages given up. */
const KV_TOKENS = 2048;

let packages: PackageFolder;
let served: Served;

beforeAll(async () => {
  packages = await PackageFolder.create();
  const needle = await packages.import(NEEDLE_3M, 'needle-3m', 'int8');
  served = await serve(needle, { kvTokens: KV_TOKENS });
});
afterAll(async () => {
  await served?.close();
  await packages.remove();
});

describe('32 streams at once, some cancelled', () => {
  it('each say what they say alone, and leave no page, request or byte held', async () => {
    const requests = await runAlone(served.url, mixedRequests(REQUESTS, 1));
    const endMs = Date.now() + TRAFFIC_MS;
    const report = await runTraffic({
      url: served.url,
      requests,
      clients: STREAMS,
      cancelShare: 0.3,
      seed: 2,
      goOn: () => Date.now() < endMs,
    });
    console.log(`${report.finished} finished, ${report.cancelled} cancelled, ${await preemptions()} preemptions`);
    expect(report.failures).toEqual([]);
    expect(report.differences).toEqual([]);
    expect(report.finished).toBeGreaterThan(STREAMS);
    expect(report.cancelled).toBeGreaterThan(0);

    const snapshot = await idleSnapshot();
    expect(engineViolations(snapshot)).toEqual([]);
    expect(snapshot.pages.references.filter((count) => count > 0)).toEqual([]);
    expect(snapshot.pages.free.length + snapshot.pages.idle).toBe(snapshot.limits.pages);
    expect(served.server.router.held()).toEqual({ requests: 0, promptBytes: 0 });
    for (const gauge of [
      'longhaul_num_requests_running',
      'longhaul_num_requests_waiting',
      'longhaul_kv_cache_usage_perc',
    ]) {
      expect(await metric(gauge)).toBe(0);
    }
  });
});

/** Cancelled requests end shortly after their clients have gone. */
async function idleSnapshot(): Promise<EngineSnapshot> {
  for (;;) {
    const snapshot = served.server.local.engine.snapshot();
    const held = served.server.router.held().requests;
    if (snapshot.running.length + snapshot.waiting.length + held === 0) return snapshot;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function preemptions(): Promise<number> {
  return metric('longhaul_num_preemptions_total');
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${served.url}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN);
}
