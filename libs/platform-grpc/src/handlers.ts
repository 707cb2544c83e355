import {
  Metadata,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { AppError, remainingMs } from '@longhaul/kernel';
import { infoOf, type CallNotes } from './call-info.js';
import { controlCall } from './call-tracker.js';
import { toStatus } from './status.js';
import { textHeaders } from './text-headers.js';

/** What a handler may know about its call. */
export interface CallContext {
  /** Aborted when the client cancels, its deadline passes, the connection breaks or the client stops reading. */
  signal: AbortSignal;
  /** Unix milliseconds, or null without a deadline. To be shown or passed on; to be waited for there is `timeoutMs`. */
  deadlineMs: number | null;
  /** What was left until the deadline when the call began; null without one. */
  timeoutMs: number | null;
  /** Request metadata with text values. */
  headers: Readonly<Record<string, string>>;
  /** Sends response metadata; must come before the first message. */
  sendHeaders(headers: Readonly<Record<string, string>>): void;
  /** Adds to the line that the host logs when the call has ended. */
  annotate(notes: CallNotes): void;
}

export interface StreamOptions {
  /** A client that accepts no message for this long loses its stream. */
  stallTimeoutMs: number;
  /** The stream has no end of its own: it ends with `SHUTTING_DOWN` as soon as the server drains. */
  endless?: boolean;
}

interface ServerCall {
  metadata: Metadata;
  cancelled: boolean;
  getDeadline(): Date | number;
  sendMetadata(metadata: Metadata): void;
  once(event: 'cancelled', listener: () => void): unknown;
}

/** A unary method from a promise; whatever it throws becomes a status with trailers. */
export function unary<Req, Res>(
  handle: (request: Req, context: CallContext) => Promise<Res>,
): handleUnaryCall<Req, Res> {
  return (call, callback) => {
    const { context } = openContext(call, false);
    started(() => handle(call.request, context)).then(
      (response) => callback(null, response),
      (error: unknown) => callback({ ...toStatus(failureOf(context.signal, error)) }),
    );
  };
}

/**
 * A server-streaming method from an async iterable. At most one buffer of messages waits: the iterable is not asked for
 * more until the client has taken what there is. Cancelling the call ends the iteration.
 */
export function serverStream<Req, Res>(
  handle: (request: Req, context: CallContext) => AsyncIterable<Res>,
  options: StreamOptions,
): handleServerStreamingCall<Req, Res> {
  return (call) => {
    const { context, abort } = openContext(call, options.endless === true);
    const stalled = () => {
      const error = clientStalled(options.stallTimeoutMs);
      abort(error);
      return error;
    };
    const control = { signal: context.signal, stalled, timeoutMs: options.stallTimeoutMs };
    started(() => pump(call, handle(call.request, context), control)).then(
      () => call.end(),
      (error: unknown) => call.emit('error', toStatus(failureOf(context.signal, error))),
    );
  };
}

/** What a handler throws before it has made its promise fails the call as what it rejects with does. */
export async function started<T>(work: () => Promise<T>): Promise<T> {
  return work();
}

interface PumpControl {
  signal: AbortSignal;
  stalled: () => AppError;
  timeoutMs: number;
}

async function pump<Req, Res>(
  call: ServerWritableStream<Req, Res>,
  source: AsyncIterable<Res>,
  control: PumpControl,
): Promise<void> {
  for await (const message of source) {
    if (control.signal.aborted) throw AppError.from(control.signal.reason);
    if (!call.write(message)) await drained(call, control);
  }
  // A source may end quietly when it is told to; the client must not take that for a whole answer.
  if (control.signal.aborted) throw AppError.from(control.signal.reason);
}

/** Resolves at `drain`; rejects when the call is cancelled or the client takes nothing in time. */
function drained<Req, Res>(call: ServerWritableStream<Req, Res>, control: PumpControl): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(control.stalled()), control.timeoutMs);
    const onDrain = () => finish();
    const onAbort = () => finish(AppError.from(control.signal.reason));
    const finish = (error?: AppError) => {
      clearTimeout(timer);
      call.off('drain', onDrain);
      control.signal.removeEventListener('abort', onAbort);
      if (error) reject(error);
      else resolve();
    };
    call.once('drain', onDrain);
    control.signal.addEventListener('abort', onAbort, { once: true });
    if (control.signal.aborted) onAbort();
  });
}

/** Why the call failed: the reason it was ended for, where it was ended from outside. */
export function failureOf(signal: AbortSignal, error: unknown): AppError {
  return AppError.from(signal.aborted ? signal.reason : error);
}

export function openContext(
  call: ServerCall,
  endless: boolean,
): { context: CallContext; abort: (reason: AppError) => void } {
  const controller = new AbortController();
  const info = infoOf(call.metadata);
  const timeoutMs = info ? remainingMs(info.deadlineMs) : timeoutOf(call);
  const deadlineMs = timeoutMs === null ? null : Date.now() + timeoutMs;
  const cancel = () => controller.abort(info?.late ? deadlineExceeded() : cancelled());
  if (call.cancelled) cancel();
  else call.once('cancelled', cancel);
  const context: CallContext = {
    signal: controller.signal,
    deadlineMs,
    timeoutMs,
    headers: textHeaders(call.metadata),
    sendHeaders(headers) {
      const metadata = new Metadata();
      for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
      call.sendMetadata(metadata);
    },
    annotate: (notes) => info?.annotate(notes),
  };
  const abort = (reason: AppError) => controller.abort(reason);
  controlCall(call, { abort, endless });
  return { context, abort };
}

/** For a call of a server that is not a GrpcHost. */
function timeoutOf(call: ServerCall): number | null {
  const deadline = Number(call.getDeadline());
  return Number.isFinite(deadline) ? deadline - Date.now() : null;
}

/** What ends the stream of a client that does not read. */
export function clientStalled(timeoutMs: number): AppError {
  return new AppError({
    code: 'ABORTED',
    reason: 'CLIENT_STALLED',
    message: `The client accepted no message for ${timeoutMs} ms.`,
  });
}

function cancelled(): AppError {
  return new AppError({ code: 'CANCELLED', reason: 'CANCELLED', message: 'The client cancelled the call.' });
}

function deadlineExceeded(): AppError {
  return new AppError({
    code: 'DEADLINE_EXCEEDED',
    reason: 'DEADLINE_EXCEEDED',
    message: 'The deadline of the call passed.',
  });
}
