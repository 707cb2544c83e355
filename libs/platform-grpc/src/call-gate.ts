import type { Readable } from 'node:stream';
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
  /** A call whose one message has not come by then ends with `MESSAGE_TIMEOUT`, in milliseconds. */
  messageTimeoutMs?: number;
  /** Takes a place for a call whose one message has not come. */
  arriving?(peer: string, displace: (error: AppError) => void): ArrivingCall;
}

/** The place of a call whose message is on its way. */
export interface ArrivingCall {
  /** More bytes of it have come, as they are on the wire. */
  grow(bytes: number): void;
  /** The message has come, or never will. More than one call does nothing. */
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
          onReceiveMessage(message, pass) {
            arrival?.();
            pass(message);
          },
          onReceiveHalfClose: (pass) => pass(),
          onCancel() {
            arrival?.();
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
  const { messageTimeoutMs } = gate;
  const fail = (error: AppError) => call.sendStatus(toStatus(error));
  const timer =
    messageTimeoutMs === undefined
      ? undefined
      : setTimeout(() => fail(messageTimeout(messageTimeoutMs)), messageTimeoutMs);
  const place = gate.arriving?.(call.getPeer(), fail);
  if (place) onBytes(call, (bytes) => place.grow(bytes));
  return () => {
    clearTimeout(timer);
    place?.leave();
  };
}

/** Reaches into the library, whose version is pinned; a test shows that it still works. */
function onBytes(call: ServerInterceptingCallInterface, take: (bytes: number) => void): void {
  const { stream } = call as unknown as { stream: Readable };
  stream.on('data', (piece: Uint8Array) => take(piece.length));
}

function messageTimeout(messageTimeoutMs: number): AppError {
  return new AppError({
    code: 'DEADLINE_EXCEEDED',
    reason: 'MESSAGE_TIMEOUT',
    message: `The message of the call did not come within ${messageTimeoutMs} ms.`,
    details: { messageTimeoutMs },
  });
}
