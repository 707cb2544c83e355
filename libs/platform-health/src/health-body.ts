import type { CheckState, HealthReport } from './health-model.js';

/** What the HTTP endpoints answer. */
export interface HealthBody {
  status: string;
  checks: Readonly<Record<string, { up: boolean; since: string; dependency: boolean; reason?: string }>>;
}

/** The answer of `/live`: what only a restart mends. */
export function livenessBody(report: HealthReport): HealthBody {
  const checks = report.checks.filter(({ weight }) => weight === 'liveness');
  return { status: report.live ? 'live' : 'not live', checks: checksBody(checks) };
}

/** The answer of `/health` and `/ready`: every check, and whether requests are welcome. */
export function readinessBody(report: HealthReport): HealthBody {
  const status = report.ready ? 'ready' : report.draining ? 'draining' : 'not ready';
  return { status, checks: checksBody(report.checks) };
}

function checksBody(checks: readonly CheckState[]): HealthBody['checks'] {
  return Object.fromEntries(
    checks.map(({ name, up, reason, sinceUnixMs, dependency }) => {
      const since = new Date(sinceUnixMs).toISOString();
      return [name, { up, since, dependency, ...(reason === '' ? {} : { reason }) }];
    }),
  );
}
