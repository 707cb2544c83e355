import type { ServerHttp2Stream } from 'node:http2';
import {
  ServerInterceptingCall,
  status,
  type Metadata,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { AppError, monotonicMs } from '@longhaul/kernel';
import { blameCallers } from './caller-faults.js';
import { CallInfo, keepInfo, type CallEnd } from './call-info.js';
import { textHeaders } from './text-headers.js';
import { toStatus } from './status.js';

/** What a host asks of every call of every service, before a handler or a message of it is looked at. */
export interface CallGate {
  /**
   * Whether the caller may make this call.
   *
   * @param method full name, such as `longhaul.worker.v1.WorkerService/Generate`.
   * @throws AppError that the call ends with.
   */
  authorize?(headers: Readonly<Record<string, string>>, method: string): void;
  /** Hears of every call once, when it has ended; also of methods that nobody serves. */
  ended?(end: CallEnd): void;
  /** A call whose one message, and the end of its sending, has not come by then ends with `MESSAGE_TIMEOUT`, in milliseconds. */
  messageTimeoutMs?: number;
  /** Takes a place for a call whose one message, and the end of its sending, has not come. */
  arriving?(peer: string, displace: (error: AppError) => void): ArrivingCall;
}

/** The place of a call whose message is on its way. */
export interface ArrivingCall {
  /** More bytes of it are held: as they are on the wire, and what unpacking a message adds. */
  grow(bytes: number): void;
  /** All has come, or never will. More than one call does nothing. */
  leave(): void;
}

/** Probes have no key, and tell nothing but whether requests are welcome. */
const OPEN_SERVICE = /^grpc\.health\.v1\.Health\//;

/** The one door of a host: authorization, the end of each call, and a bound on calls that send nothing. */
export function gateInterceptor(gate: CallGate, isServed: (method: string) => boolean): ServerInterceptor {
  return (definition, call) => {
    const method = definition.path.replace(/^\//, '');
    const info = new CallInfo(isServed(method) ? method : 'unmatched', deadlineOf(call));
    noteStatus(call, info);
    blameCallers(call);
    const arrival = definition.requestStream ? null : awaitMessage(gate, call);
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata(metadata, pass) {
            keepInfo(metadata, info);
            const refused = refusal(gate, metadata, method);
            if (refused) call.sendStatus(toStatus(refused));
            else pass(metadata);
          },
          onReceiveMessage: (message, pass) => pass(message),
          onReceiveHalfClose(pass) {
            // Not with the message: until here more may come, and no handler runs.
            arrival?.();
            if (!info.answered) pass();
          },
          onCancel() {
            arrival?.();
            closeSoon(call);
            const end = info.end();
            if (end) gate.ended?.(end);
          },
        }),
      sendMetadata: (metadata, pass) => pass(metadata),
      sendMessage: (message, pass) => pass(message),
      sendStatus: (sent, pass) => pass(sent),
    });
  };
}

function refusal(gate: CallGate, metadata: Metadata, method: string): AppError | null {
  if (!gate.authorize || OPEN_SERVICE.test(method)) return null;
  try {
    gate.authorize(textHeaders(metadata), method);
    return null;
  } catch (error) {
    return AppError.from(error);
  }
}

/** The library's own endings, such as a passed deadline or an unreadable message, go past interceptors but through here. */
function noteStatus(call: ServerInterceptingCallInterface, info: CallInfo): void {
  const send = call.sendStatus.bind(call);
  call.sendStatus = (sent) => {
    info.note(sent.code ?? status.UNKNOWN, sent.metadata ?? undefined);
    send(sent);
  };
}

/** The wall clock is read once, at the same moment at which the library has read it. */
function deadlineOf(call: ServerInterceptingCallInterface): number | null {
  const deadline = Number(call.getDeadline());
  return Number.isFinite(deadline) ? monotonicMs() + (deadline - Date.now()) : null;
}

function awaitMessage(gate: CallGate, call: ServerInterceptingCallInterface): () => void {
  const stream = streamOf(call);
  // Of what is gone before the call begins, the library tells no interceptor.
  if (stream.destroyed) return () => undefined;
  const { messageTimeoutMs } = gate;
  const fail = (error: AppError) => call.sendStatus(toStatus(error));
  const timer =
    messageTimeoutMs === undefined
      ? undefined
      : setTimeout(() => fail(messageTimeout(messageTimeoutMs)), messageTimeoutMs);
  const place = gate.arriving?.(call.getPeer(), fail);
  if (place) onBytes(call, (bytes) => place.grow(bytes));
  const leave = () => {
    clearTimeout(timer);
    place?.leave();
  };
  stream.once('close', leave);
  return leave;
}

interface Internals {
  readonly stream: ServerHttp2Stream;
  decompressMessage(message: Uint8Array, encoding: string): Uint8Array | Promise<Uint8Array>;
}

/** Reaches into the library, whose version is pinned; a test shows that it still works. */
function onBytes(call: ServerInterceptingCallInterface, take: (bytes: number) => void): void {
  const internals = call as unknown as Internals;
  internals.stream.on('data', (piece: Uint8Array) => take(piece.length));
  const decompress = internals.decompressMessage.bind(call);
  internals.decompressMessage = async (message, encoding) => {
    const plain = await decompress(message, encoding);
    take(Math.max(0, plain.length - message.length));
    return plain;
  };
}

function streamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream {
  return (call as unknown as Internals).stream;
}

/**
 * Closes a stream whose call has ended. The status ends our half only: what has come of a message would be held until
 * the client ends its own. Not at once: the status goes out first.
 */
function closeSoon(call: ServerInterceptingCallInterface): void {
  const stream = streamOf(call);
  if (!stream.readableEnded) setImmediate(() => stream.close());
}

function messageTimeout(messageTimeoutMs: number): AppError {
  return new AppError({
    code: 'DEADLINE_EXCEEDED',
    reason: 'MESSAGE_TIMEOUT',
    message: `The message of the call did not come within ${messageTimeoutMs} ms.`,
    details: { messageTimeoutMs },
  });
}
