import { EventLog } from '@longhaul/platform-otel';

/** One line `request-finished` as it was logged. */
export interface FinishedLine {
  requestId: string;
  api: string;
  method: string;
  status: string;
  outcome: string;
  tenant?: string;
}

/** A log whose lines can be looked at. */
export function watchedLog(): {
  log: EventLog;
  lines: readonly Record<string, unknown>[];
  finished: () => FinishedLine[];
  events: () => string[];
} {
  const lines: Record<string, unknown>[] = [];
  const log = new EventLog('router', 'debug', {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  const finished = () => lines.filter(({ event }) => event === 'request-finished') as unknown as FinishedLine[];
  return { log, lines, finished, events: () => lines.map(({ event }) => String(event)) };
}

/** The sum of `longhaul_api_requests_total`, over the samples whose labels hold all these texts. */
export function countedRequests(metrics: string, ...labels: readonly string[]): number {
  const samples = metrics.matchAll(/^longhaul_api_requests_total\{(.*)\} (\d+)/gm);
  return [...samples]
    .filter(([, found = '']) => labels.every((label) => found.includes(label)))
    .reduce((sum, [, , value]) => sum + Number(value), 0);
}
