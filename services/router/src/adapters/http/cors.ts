import type { NestFastifyApplication } from '@nestjs/platform-fastify';

type CorsOptions = Exclude<
  Parameters<NestFastifyApplication['enableCors']>[0],
  undefined | ((...all: never[]) => unknown)
>;

const ANY = '*';
const PREFLIGHT_MAX_AGE_S = 600;

/**
 * Who may call from a browser. Other origins get no word about it: their preflight is a request to a path where nothing
 * is. Credentials of the browser are never asked for, the key is a header that the page sets.
 */
export function corsOptions(origins: readonly string[]): CorsOptions {
  const allowed = new Set(origins);
  return {
    origin: (origin: string | undefined, decide: (error: Error | null, allow: string | boolean) => void) => {
      if (origin === undefined) decide(null, false);
      else if (allowed.has(ANY)) decide(null, ANY);
      else decide(null, allowed.has(origin) ? origin : false);
    },
    methods: ['GET', 'HEAD', 'POST'],
    exposedHeaders: ['x-request-id', 'retry-after'],
    credentials: false,
    maxAge: PREFLIGHT_MAX_AGE_S,
    strictPreflight: false,
  };
}
