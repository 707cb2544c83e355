import { AppError, monotonicMs, openDeadline } from '@longhaul/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { contextOf, type RequestContext } from './request-context.js';
import { recordOf } from './request-ledger.js';

/** One HTTP request while it is being answered. */
export interface Exchange {
  reply: FastifyReply;
  context: RequestContext;
  /** A point of the monotonic clock. */
  deadlineMs: number;
  /** Aborted when the client goes away, the deadline passes, or the server gives up waiting for it at shutdown. */
  signal: AbortSignal;
  abort(error: AppError): void;
}

export interface ExchangeOptions {
  requestTimeoutMs: number;
  /** Aborted at the end of the drain timeout, with the error that running requests end with. */
  shutdown: AbortSignal;
}

/** Ties a request's life to its connection, its deadline and the server's. */
export function openExchange(request: FastifyRequest, reply: FastifyReply, options: ExchangeOptions): Exchange {
  const { requestTimeoutMs, shutdown } = options;
  const late = () => deadlineExceeded(requestTimeoutMs);
  const deadline = openDeadline({ timeoutMs: requestTimeoutMs, late, parent: shutdown });
  const onClose = () => {
    deadline.dispose();
    if (!reply.raw.writableFinished) deadline.abort(disconnected());
  };
  recordOf(request.raw)?.whenEnded(onClose);
  return {
    reply,
    context: contextOf(request),
    deadlineMs: monotonicMs() + requestTimeoutMs,
    signal: deadline.signal,
    abort: (error) => deadline.abort(error),
  };
}

function disconnected(): AppError {
  return new AppError({
    code: 'CANCELLED',
    reason: 'CLIENT_DISCONNECTED',
    message: 'The client closed the connection.',
  });
}

function deadlineExceeded(requestTimeoutMs: number): AppError {
  return new AppError({
    code: 'DEADLINE_EXCEEDED',
    reason: 'DEADLINE_EXCEEDED',
    message: `The request took longer than ${requestTimeoutMs} ms (--request-timeout-ms).`,
    details: { requestTimeoutMs },
  });
}
