/** Injection token of the `Telemetry` that `/metrics` shows. */
export const TELEMETRY = Symbol('longhaul.telemetry');
