/** Injection tokens of the router's composition root, for values that have no class. */
export const TELEMETRY = Symbol('longhaul.router.telemetry');
export const VERSION = Symbol('longhaul.router.version');
export const BACKEND = Symbol('longhaul.router.backend');
