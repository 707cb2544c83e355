import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { importModel } from '@longhaul/model';
import {
  mixedRequests,
  NEEDLE_3M,
  runAlone,
  runTraffic,
  seededRandom,
  type KnownRequest,
  type ServerProcess,
  type TrafficReport,
} from '@longhaul/testing';
import { memoryTrend } from './memory-trend.js';
import { parseOptions, type SoakOptions } from './options.js';
import { policyOf, underPolicy, withDrafts } from './policies.js';
import { startServer } from './server-process.js';

const REQUESTS = 32;
const CANCEL_SHARE = 1 / 3;
const SAMPLES = 40;
const MOST_GROWTH = 0.05;
/** Shorter runs end before the heap of the JavaScript engine has reached its size. */
const JUDGED_MINUTES = 5;
const QUIET_MS = 10_000;
/** All of them are zero when nothing is held. */
const IDLE_GAUGES = [
  'longhaul_num_requests_running',
  'longhaul_num_requests_waiting',
  'longhaul_kv_cache_usage_perc',
  'longhaul_router_admitted_requests',
];

const options = parseOptions(process.argv.slice(2));
const folder = await mkdtemp(join(tmpdir(), 'longhaul-soak-'));
try {
  process.exitCode = (await soak(options, folder)) ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** @returns whether all is well. */
async function soak(chosen: SoakOptions, out: string): Promise<boolean> {
  const model = join(out, 'needle-3m');
  await importModel({ source: NEEDLE_3M, out: model, weights: chosen.weights, name: 'needle-3m' });
  const kv = ['--kv-cache-tokens', String(chosen.kvCacheTokens), '--kv-cache-dtype', chosen.kvCacheDtype];
  const server = await startServer(['--model', model, ...kv]);
  try {
    const bodies = mixedRequests(REQUESTS, chosen.seed).map((body, at) =>
      underPolicy(body, policyOf(chosen.attention, at)),
    );
    const requests = await runAlone(server.url, bodies);
    console.log(`${REQUESTS} requests alone, now ${chosen.streams} streams for ${chosen.minutes} minutes`);
    const endMs = Date.now() + chosen.minutes * 60_000;
    const traffic = runTraffic({
      url: server.url,
      requests: drafted(requests, chosen),
      clients: chosen.streams,
      cancelShare: CANCEL_SHARE,
      seed: chosen.seed,
      goOn: () => Date.now() < endMs,
    });
    const samples = await watchMemory(server, endMs, chosen.minutes);
    return await conclude(server, await traffic, samples);
  } finally {
    await server.stop();
  }
}

/** Lets a share of the requests ask for drafts: their answers have to be what they are without. */
function drafted(requests: readonly KnownRequest[], { drafts, seed, attention }: SoakOptions): KnownRequest[] {
  const random = seededRandom(seed);
  return requests.map(({ body, expected }, at) => ({
    expected,
    body: random() < drafts ? withDrafts(body, policyOf(attention, at)) : body,
  }));
}

async function watchMemory(server: ServerProcess, endMs: number, minutes: number): Promise<number[]> {
  const samples: number[] = [];
  const stepMs = (minutes * 60_000) / SAMPLES;
  while (Date.now() < endMs) {
    await sleep(stepMs);
    const bytes = await server.residentBytes();
    if (bytes === null) continue;
    samples.push(bytes);
    console.log(`${((samples.length * stepMs) / 60_000).toFixed(1).padStart(6)} min  RSS ${mebibytes(bytes)}`);
  }
  return samples;
}

async function conclude(server: ServerProcess, report: TrafficReport, samples: readonly number[]): Promise<boolean> {
  const death = server.death();
  if (death !== null) throw new Error(death);
  const held = await heldAfterQuiet(server.url);
  const trend = memoryTrend(samples);
  console.log(`${report.finished} finished, ${report.cancelled} cancelled`);
  console.log(await draftsOf(server.url));
  console.log(
    `${report.differences.length} answers differ from the one alone, ${report.failures.length} requests failed`,
  );
  for (const line of [...report.differences, ...report.failures].slice(0, 5)) console.log(`  ${line.slice(0, 300)}`);
  console.log(held.length === 0 ? 'nothing is held' : `still held: ${held.join(', ')}`);
  if (trend) {
    const change = `${(trend.growth * 100).toFixed(1)} %`;
    console.log(
      `RSS peaks at ${mebibytes(trend.earlyPeakBytes)} early, ${mebibytes(trend.latePeakBytes)} late: ${change}`,
    );
  }
  const flat = options.minutes < JUDGED_MINUTES || trend === null || trend.growth <= MOST_GROWTH;
  return report.differences.length + report.failures.length + held.length === 0 && flat;
}

/** Cancelled requests end shortly after their clients have gone. */
async function heldAfterQuiet(url: string): Promise<string[]> {
  const endMs = Date.now() + QUIET_MS;
  for (;;) {
    const text = await (await fetch(`${url}/metrics`)).text();
    const held = IDLE_GAUGES.filter((name) => !new RegExp(`^${name}(?:\\{[^}]*\\})? 0$`, 'm').test(text));
    if (held.length === 0 || Date.now() > endMs) return held;
    await sleep(100);
  }
}

async function draftsOf(url: string): Promise<string> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const [drafted, accepted] = ['draft', 'accepted'].map((what) => {
    const name = `longhaul_spec_decode_num_${what}_tokens_total`;
    return new RegExp(`^${name}\\{[^}]*\\} (\\d+)$`, 'm').exec(text)?.[1] ?? '?';
  });
  return `${drafted} tokens drafted, ${accepted} accepted`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
