import { AppError } from '@longhaul/kernel';
import { codeOfHttpStatus, httpStatusOf, retryDelayMs } from './error-table.js';

export interface HttpError {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: OpenAiErrorBody;
}

export interface OpenAiErrorBody {
  error: {
    message: string;
    type: string;
    param: string | null;
    /** The stable reason in lower case. */
    code: string;
    /** Limits and counts, where there are some. */
    details?: Readonly<Record<string, string | number | boolean>>;
  };
}

/** An error as OpenAI's clients expect it. */
export function toHttpError(error: AppError): HttpError {
  const status = httpStatusOf(error);
  const { retryAfterS: _, ...details } = error.details;
  const headers: Record<string, string> = {};
  const delayMs = retryDelayMs(error);
  if ((status === 429 || status === 503) && delayMs !== null)
    headers['retry-after'] = String(Math.ceil(delayMs / 1000));
  if (status === 401) headers['www-authenticate'] = 'Bearer';
  return {
    status,
    headers,
    body: {
      error: {
        message: error.message,
        type: errorType(status),
        param: error.field ?? null,
        code: error.reason.toLowerCase(),
        ...(Object.keys(details).length > 0 ? { details } : {}),
      },
    },
  };
}

/**
 * The AppError behind an HTTP answer with an OpenAI error body; a body of another kind gives an error that names the
 * status. Codes that share an HTTP status come back as one of them; the reason always comes back.
 */
export function fromHttpError(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string | undefined>> = {},
): AppError {
  const code = codeOfHttpStatus(status);
  const error = errorOf(body);
  const retryAfterS = Number(headers['retry-after'] ?? Number.NaN);
  const details = { ...error?.details, ...(Number.isFinite(retryAfterS) ? { retryAfterS } : {}) };
  return new AppError({
    code,
    reason: error?.code?.toUpperCase() ?? code,
    message: error?.message ?? `HTTP ${status}`,
    details,
    retry: status === 429 ? 'same' : status === 503 ? 'other' : 'never',
    ...(error?.param ? { field: error.param } : {}),
  });
}

function errorOf(body: unknown): Partial<OpenAiErrorBody['error']> | undefined {
  const error = (body as Partial<OpenAiErrorBody> | null | undefined)?.error;
  return typeof error === 'object' && error !== null ? error : undefined;
}

function errorType(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 404) return 'not_found_error';
  if (status === 429) return 'rate_limit_error';
  if (status === 504) return 'timeout_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}
