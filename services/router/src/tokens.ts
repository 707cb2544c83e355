/** Injection token of the router's composition root, for a value that has no class. */
export const VERSION = Symbol('longhaul.router.version');
