import { setTimeout as sleep } from 'node:timers/promises';
import type { CompletionBody } from './mixed-requests.js';
import { seededRandom } from './needle-corpus.js';
import { streamCompletion, type StreamedChoice } from './stream-completion.js';

/** A request and what it answers when it runs alone. */
export interface KnownRequest {
  body: CompletionBody;
  expected: readonly StreamedChoice[];
}

export interface TrafficOptions {
  url: string;
  requests: readonly KnownRequest[];
  /** Streams at once. */
  clients: number;
  /** Share of requests that are cancelled, some before their first token; 0 to 1. */
  cancelShare: number;
  seed: number;
  /** Asked before each request; clients stop when it says no. */
  goOn: () => boolean;
}

export interface TrafficReport {
  finished: number;
  cancelled: number;
  /** One sentence per answer that differs from the one alone. */
  differences: string[];
  /** One sentence per request that failed without being cancelled. */
  failures: string[];
}

/** Sends each request alone, in order. */
export async function runAlone(url: string, bodies: readonly CompletionBody[]): Promise<KnownRequest[]> {
  const known: KnownRequest[] = [];
  for (const body of bodies) known.push({ body, expected: await streamCompletion(url, body) });
  return known;
}

/** Many clients at once that send requests at random, cancel some of them, and compare the others with what is known. */
export async function runTraffic(options: TrafficOptions): Promise<TrafficReport> {
  const report: TrafficReport = { finished: 0, cancelled: 0, differences: [], failures: [] };
  const clients = Array.from({ length: options.clients }, (_, index) => runClient(index, options, report));
  await Promise.all(clients);
  return report;
}

async function runClient(index: number, options: TrafficOptions, report: TrafficReport): Promise<void> {
  const random = seededRandom(options.seed * 1000 + index);
  while (options.goOn()) {
    const at = Math.floor(random() * options.requests.length);
    const cancel =
      random() < options.cancelShare ? { atChunk: Math.floor(random() * 12), delayMs: random() * 200 } : null;
    await runOne({ at, cancel, options, report });
  }
}

interface OneRequest {
  at: number;
  /** Chunk 0 is before the first one: after the delay, wherever the request is then. */
  cancel: { atChunk: number; delayMs: number } | null;
  options: TrafficOptions;
  report: TrafficReport;
}

async function runOne({ at, cancel, options, report }: OneRequest): Promise<void> {
  const request = options.requests[at];
  if (!request) return;
  const controller = new AbortController();
  if (cancel?.atChunk === 0) void sleep(cancel.delayMs).then(() => controller.abort());
  let chunks = 0;
  const onChunk = () => {
    if (++chunks === cancel?.atChunk) controller.abort();
  };
  try {
    const choices = await streamCompletion(options.url, request.body, { signal: controller.signal, onChunk });
    report.finished++;
    if (JSON.stringify(choices) === JSON.stringify(request.expected)) return;
    report.differences.push(`request ${at}: ${JSON.stringify(choices)} instead of ${JSON.stringify(request.expected)}`);
  } catch (error) {
    if (controller.signal.aborted) report.cancelled++;
    else report.failures.push(`request ${at}: ${String(error)}`);
  }
}
