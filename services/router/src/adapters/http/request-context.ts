import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { AppError, invalidArgument } from '@longhaul/kernel';
import type { OpenSpan } from '@longhaul/platform-otel';
import type { FastifyRequest } from 'fastify';

/** What the edge knows about a request before its handler runs. */
export interface RequestContext {
  requestId: string;
  /** Namespace of the prefix cache: a digest of the key, or `public` where no key is asked for. */
  tenant: string;
  span: OpenSpan;
}

const contexts = new WeakMap<object, RequestContext>();
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

export function setContext(request: FastifyRequest, context: RequestContext): void {
  contexts.set(request.raw, context);
}

/** The context that the first hook left. */
export function contextOf(request: FastifyRequest): RequestContext {
  const context = contexts.get(request.raw);
  if (!context) throw new AppError({ code: 'INTERNAL', reason: 'INTERNAL', message: 'Internal error.' });
  return context;
}

export function requestIdOf(request: FastifyRequest): string | undefined {
  return contexts.get(request.raw)?.requestId;
}

/** The caller's `X-Request-Id`, or a new one. */
export function chooseRequestId(header: string | string[] | undefined): string {
  if (header === undefined) return randomUUID();
  if (typeof header === 'string' && REQUEST_ID.test(header)) return header;
  throw invalidArgument('X-Request-Id', 'X-Request-Id must have 1 to 128 printable ASCII characters without spaces.');
}

/**
 * Who asks, by the bearer key.
 *
 * @throws AppError `INVALID_API_KEY` where a key is configured and another or none came.
 */
export function authenticate(expectedKey: string | undefined, authorization: string | undefined): string {
  if (expectedKey === undefined) return 'public';
  const [, given = ''] = /^Bearer (.+)$/.exec(authorization ?? '') ?? [];
  const digest = sha256(expectedKey);
  if (timingSafeEqual(digest, sha256(given))) return digest.toString('hex').slice(0, 16);
  throw new AppError({
    code: 'UNAUTHENTICATED',
    reason: 'INVALID_API_KEY',
    message: 'The API key is missing or wrong; send it as Authorization: Bearer.',
  });
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
