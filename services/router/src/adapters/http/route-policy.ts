import type { FastifyRequest } from 'fastify';

/** What a request has to bring before its handler runs. */
export interface RoutePolicy {
  /** The bearer key, where one is configured. */
  key: boolean;
  /** A place of admission, and a body. */
  admission: boolean;
}

const OPEN: RoutePolicy = { key: false, admission: false };
const KEYED: RoutePolicy = { key: true, admission: false };
const WORK: RoutePolicy = { key: true, admission: true };

/** Patterns of the routes for operators: they answer without a key and when the house is full. */
const OPEN_ROUTES = new Set(['/health', '/ready', '/readiness', '/live', '/liveness', '/version', '/metrics']);
const METHODS_WITHOUT_BODY = new Set(['GET', 'HEAD', 'OPTIONS']);
/** What the library for CORS adds for every path; it is no route of ours. */
const ANY_PATH = '*';

/**
 * What the route that was matched asks for, or null where none was. Nothing here looks at the text of the URL: one path
 * has many spellings, and only the router knows which of them reach a handler. A route that is new here needs the key.
 */
export function policyOf(request: FastifyRequest): RoutePolicy | null {
  const pattern = request.routeOptions.url;
  if (request.is404 || pattern === undefined || pattern === ANY_PATH) return null;
  if (OPEN_ROUTES.has(pattern)) return OPEN;
  return METHODS_WITHOUT_BODY.has(request.method) ? KEYED : WORK;
}
