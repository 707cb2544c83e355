import { HttpException } from '@nestjs/common';
import { AppError } from '@longhaul/kernel';

const MAX_SHOWN_PATH = 200;

/** An error of the edge itself. */
export function edgeError(code: AppError['code'], reason: string, message: string): AppError {
  return new AppError({ code, reason, message });
}

/** Nothing is at this method and path; the query, which may hold secrets, is not repeated. */
export function routeNotFound(method: string, url: string): AppError {
  const [path = ''] = url.split('?', 1);
  const shown = path.length > MAX_SHOWN_PATH ? `${path.slice(0, MAX_SHOWN_PATH)}...` : path;
  return edgeError('NOT_FOUND', 'ROUTE_NOT_FOUND', `There is nothing at ${method} ${shown}.`);
}

/** Anything thrown, by what it means to a caller; errors of the framework carry an HTTP status only. */
export function toAppError(thrown: unknown, { method, url }: { method: string; url: string }): AppError {
  if (AppError.isInstance(thrown)) return thrown;
  const status = frameworkStatus(thrown);
  if (status === undefined || status < 400 || status >= 500) return AppError.from(thrown);
  switch (status) {
    case 404:
      return routeNotFound(method, url);
    case 413:
      return edgeError('RESOURCE_EXHAUSTED', 'BODY_TOO_LARGE', 'The body is larger than --max-body-bytes allows.');
    case 414:
      return edgeError('INVALID_ARGUMENT', 'URL_TOO_LONG', 'The path is longer than this server takes.');
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
