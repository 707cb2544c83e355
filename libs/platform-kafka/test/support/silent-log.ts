import type { BusLog, BusLogFields } from '../../src/index.js';

const ignore = () => undefined;

function show(event: string, fields: BusLogFields): void {
  process.stderr.write(`${JSON.stringify({ event, ...fields })}\n`);
}

/** For tests that look at behaviour, not at log lines. `LONGHAUL_TEST_LOG=1` shows them. */
export const silentLog: BusLog =
  process.env['LONGHAUL_TEST_LOG'] === '1'
    ? {
        info: (event, fields = {}) => show(event, fields),
        warning: (event, fields = {}) => show(event, fields),
        failure: (event, cause, fields = {}) => show(event, { ...fields, cause: String(cause) }),
      }
    : { info: ignore, warning: ignore, failure: ignore };
