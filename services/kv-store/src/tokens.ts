/** Injection token of the composition root. */
export const TELEMETRY = Symbol('longhaul.kv-store.telemetry');
