import { AppError } from '@longhaul/kernel';
import type { OpenSpan } from '@longhaul/platform-otel';
import type { FastifyRequest } from 'fastify';
import type { Tenant } from '../../core/tenants/tenant.js';

/** What the edge knows about a request before its handler runs. */
export interface RequestContext {
  requestId: string;
  /** Whose request it is. */
  tenant: Tenant;
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
