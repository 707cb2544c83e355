import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { AppError } from '@longhaul/kernel';
import { toHttpError } from '@longhaul/platform-grpc';
import type { EventLog } from '@longhaul/platform-otel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { requestIdOf } from './request-context.js';

/** Every error of the HTTP edge passes here and leaves as an OpenAI error body. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly log: EventLog) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    const error = toAppError(thrown);
    const requestId = requestIdOf(http.getRequest<FastifyRequest>());
    if (error.code === 'INTERNAL' || error.code === 'UNKNOWN')
      this.log.failure('request-failed', thrown, { requestId });
    if (reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    const { status, headers, body } = toHttpError(error);
    void reply.status(status).headers(headers).header('content-type', 'application/json; charset=utf-8').send(body);
  }
}

/** Errors of the framework, by what they mean to a caller. */
export function toAppError(thrown: unknown): AppError {
  if (AppError.isInstance(thrown)) return thrown;
  const status = frameworkStatus(thrown);
  if (status === undefined || status < 400 || status >= 500) return AppError.from(thrown);
  switch (status) {
    case 404:
      return edgeError('NOT_FOUND', 'ROUTE_NOT_FOUND', 'There is nothing at this method and path.');
    case 413:
      return edgeError('RESOURCE_EXHAUSTED', 'BODY_TOO_LARGE', 'The body is larger than --max-body-bytes allows.');
    case 415:
      return edgeError('INVALID_ARGUMENT', 'UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json.');
    default:
      return edgeError('INVALID_ARGUMENT', 'INVALID_ARGUMENT', 'The request is not valid HTTP for this server.');
  }
}

/** Nest's exceptions and Fastify's errors carry an HTTP status, each in its own way. */
function frameworkStatus(thrown: unknown): number | undefined {
  if (thrown instanceof HttpException) return thrown.getStatus();
  const status = (thrown as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

function edgeError(code: AppError['code'], reason: string, message: string): AppError {
  return new AppError({ code, reason, message });
}
