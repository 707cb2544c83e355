import { AppError } from '@longhaul/kernel';
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

export function setContext(request: FastifyRequest, context: RequestContext): void {
  contexts.set(request.raw, context);
}

/** The context that the guard left. */
export function contextOf(request: FastifyRequest): RequestContext {
  const context = contexts.get(request.raw);
  if (!context) throw new AppError({ code: 'INTERNAL', reason: 'INTERNAL', message: 'Internal error.' });
  return context;
}
