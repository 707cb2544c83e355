import type { LoggerService } from '@nestjs/common';
import { isSpanContextValid, trace } from '@opentelemetry/api';
import { pino, type DestinationStream, type Logger } from 'pino';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
/** Ids and small facts. Never the text of a prompt or an answer, and never a secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * JSON lines with a stable `event` name, and `trace_id` and `span_id` where they are written inside a span. It also stands behind Nest's logger, whose own messages become the event
 * `framework`.
 */
export class EventLog implements LoggerService {
  readonly #logger: Logger;

  constructor(service: string, level: LogLevel = 'info', destination?: DestinationStream) {
    const options = { level, base: { service }, timestamp: pino.stdTimeFunctions.isoTime, mixin: traceIds };
    this.#logger = destination ? pino(options, destination) : pino(options, pino.destination({ fd: 2, sync: true }));
  }

  /** Logs `event` (noun + past verb, kebab-case) with its ids. */
  info(event: string, fields: LogFields = {}): void {
    this.#logger.info({ event, ...fields });
  }

  /** As `info`, for what comes again and again while all is well. */
  detail(event: string, fields: LogFields = {}): void {
    this.#logger.debug({ event, ...fields });
  }

  warning(event: string, fields: LogFields = {}): void {
    this.#logger.warn({ event, ...fields });
  }

  /** Logs a failure with its cause chain; stacks stay in the log and never reach a caller. */
  failure(event: string, cause: unknown, fields: LogFields = {}): void {
    this.#logger.error({ event, ...fields, error: describeError(cause) });
  }

  log(message: unknown, context?: unknown): void {
    this.#logger.debug({ event: 'framework', context }, String(message));
  }
  error(message: unknown, ...details: unknown[]): void {
    this.#logger.error({ event: 'framework', context: details.at(-1) }, String(message));
  }
  warn(message: unknown, context?: unknown): void {
    this.#logger.warn({ event: 'framework', context }, String(message));
  }
  debug(message: unknown, context?: unknown): void {
    this.#logger.debug({ event: 'framework', context }, String(message));
  }
  verbose(message: unknown, context?: unknown): void {
    this.#logger.trace({ event: 'framework', context }, String(message));
  }
}

/** The ids by which log lines and traces are joined, as OpenTelemetry spells them. */
function traceIds(): object {
  const context = trace.getActiveSpan()?.spanContext();
  return context && isSpanContextValid(context) ? { trace_id: context.traceId, span_id: context.spanId } : {};
}

function describeError(cause: unknown, depth = 0): unknown {
  if (!(cause instanceof Error) || depth > 4) return String(cause);
  const nested = cause.cause === undefined ? {} : { cause: describeError(cause.cause, depth + 1) };
  return { name: cause.name, message: cause.message, stack: cause.stack, ...nested };
}
