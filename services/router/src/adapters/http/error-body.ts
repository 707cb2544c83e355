import type { AppError, ErrorCode } from '@longhaul/kernel';

const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
};

/** Reasons that are about the request although their code is about capacity or the protocol. */
const STATUS_OF_REASON: Readonly<Record<string, number>> = {
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  METHOD_NOT_ALLOWED: 405,
};

const DEFAULT_RETRY_AFTER_S = 1;

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
  const status = STATUS_OF_REASON[error.reason] ?? HTTP_STATUS[error.code];
  const { retryAfterS, ...details } = error.details;
  const headers: Record<string, string> = {};
  if (status === 429 || status === 503) headers['retry-after'] = String(retryAfterS ?? DEFAULT_RETRY_AFTER_S);
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

function errorType(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 404) return 'not_found_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}
