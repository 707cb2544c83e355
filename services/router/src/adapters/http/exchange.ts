import { AppError } from '@longhaul/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { contextOf, type RequestContext } from './request-context.js';

/** One HTTP request while it is being answered. */
export interface Exchange {
  reply: FastifyReply;
  context: RequestContext;
  /** Aborted when the client goes away. */
  signal: AbortSignal;
  abort(error: AppError): void;
}

/** Ties a request's life to its connection. */
export function openExchange(request: FastifyRequest, reply: FastifyReply): Exchange {
  const controller = new AbortController();
  const onClose = () => {
    if (!reply.raw.writableFinished) controller.abort(disconnected());
  };
  reply.raw.once('close', onClose);
  if (request.raw.destroyed && !request.raw.complete) onClose();
  return {
    reply,
    context: contextOf(request),
    signal: controller.signal,
    abort: (error) => controller.abort(error),
  };
}

function disconnected(): AppError {
  return new AppError({
    code: 'CANCELLED',
    reason: 'CLIENT_DISCONNECTED',
    message: 'The client closed the connection.',
  });
}
