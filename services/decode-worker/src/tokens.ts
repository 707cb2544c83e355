/** Injection tokens of the worker's composition root. */
export const TELEMETRY = Symbol('longhaul.decode-worker.telemetry');
