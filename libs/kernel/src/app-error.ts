/** The gRPC status names; the one vocabulary of error codes in every service. */
export type ErrorCode =
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'UNAUTHENTICATED';

/** Whether asking again can help: not at all, the same endpoint after a while, or another endpoint at once. */
export type Retry = 'never' | 'same' | 'other';

export interface AppErrorOptions {
  /** gRPC status name; decides the HTTP status at the edge. */
  code: ErrorCode;
  /** Stable machine-readable reason in UPPER_SNAKE_CASE, for instance `CONTEXT_LENGTH_EXCEEDED`. */
  reason: string;
  /** One sentence for the caller. It names the field and the limit where there is one. */
  message: string;
  retry?: Retry;
  /** The request field at fault, as the caller spells it (`sampling.top_p`). */
  field?: string;
  /** Small facts for the caller: limits, counts. Never prompt text or secrets. */
  details?: Readonly<Record<string, string | number | boolean>>;
  /** Logged, never sent to a caller. */
  cause?: unknown;
}

const MARKER = Symbol.for('longhaul.AppError');

/**
 * The one error class that crosses a boundary on purpose. Anything else that reaches an edge is a defect and is
 * shown to the caller as a bare internal error.
 */
export class AppError extends Error {
  readonly [MARKER] = true;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly retry: Retry;
  readonly field: string | undefined;
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(options: AppErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = options.code;
    this.reason = options.reason;
    this.retry = options.retry ?? 'never';
    this.field = options.field;
    this.details = options.details ?? {};
  }

  /** True for an AppError of any copy of this package (a symbol, not `instanceof`). */
  static isInstance(value: unknown): value is AppError {
    return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[MARKER] === true;
  }

  /** Turns anything thrown into an AppError: an AbortError becomes `CANCELLED`, the unknown becomes `INTERNAL`. */
  static from(value: unknown): AppError {
    if (AppError.isInstance(value)) return value;
    if (value instanceof Error && value.name === 'AbortError') {
      return new AppError({
        code: 'CANCELLED',
        reason: 'CANCELLED',
        message: 'The request was cancelled.',
        cause: value,
      });
    }
    return new AppError({ code: 'INTERNAL', reason: 'INTERNAL', message: 'Internal error.', cause: value });
  }
}

/** Shorthand for the commonest error: a request field outside its range. */
export function invalidArgument(field: string, message: string, details?: AppErrorOptions['details']): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_ARGUMENT',
    message,
    field,
    ...(details ? { details } : {}),
  });
}
