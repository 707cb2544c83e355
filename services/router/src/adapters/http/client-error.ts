import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AppError } from '@longhaul/kernel';
import { toHttpError } from '@longhaul/platform-grpc';
import { edgeError } from './edge-errors.js';
import type { RequestLedger } from './request-ledger.js';
import type { RequestRecord } from './request-record.js';

/** Connections on which nothing more is understood; the parser complains again about each piece that comes. */
const broken = new WeakSet<Duplex>();

/**
 * Answers what never became a request, or stopped being one: broken HTTP, headers that are too large, a client that does
 * not send what it announced. The body is an OpenAI error like all others, and the connection ends. Answers that are due
 * to earlier requests of the connection come first: an error in between would be taken for one of them.
 */
export function answerClientError(ledger: RequestLedger, error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) {
    socket.destroy();
    return;
  }
  if (broken.has(socket)) return;
  broken.add(socket);
  const failure = meaningOf(error.code);
  const open = ledger.openOn(socket);
  const last = open.at(-1);
  if (last && !last.request.complete) endArriving(last, failure, open.length === 1);
  else if (last) last.whenEnded(() => answerMalformed(ledger, failure, socket));
  else answerMalformed(ledger, failure, socket);
}

/** A request whose body went wrong: this is its answer, unless it has one or others wait before it. */
function endArriving(record: RequestRecord, failure: AppError, alone: boolean): void {
  const { socket } = record.request;
  const silent = !alone || record.response.headersSent;
  record.fail(failure.reason, silent ? undefined : toHttpError(failure).status);
  if (silent) socket.destroy();
  else writeRawError(failure, socket);
}

function answerMalformed(ledger: RequestLedger, failure: AppError, socket: Duplex): void {
  ledger.reportMalformed(failure.reason, writeRawError(failure, socket));
}

/** Writes an error as a whole HTTP answer, ends the connection and returns the status. */
export function writeRawError(error: AppError, socket: Duplex): number {
  const { status, body } = toHttpError(error);
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
  ];
  if (socket.writable) socket.end(`${head.join('\r\n')}\r\n\r\n${text}`, () => socket.destroy());
  else socket.destroy();
  return status;
}

function meaningOf(code: string | undefined): AppError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return edgeError('DEADLINE_EXCEEDED', 'BODY_TIMEOUT', 'The request did not arrive in time (--body-timeout-ms).');
    case 'HPE_HEADER_OVERFLOW':
      return edgeError('INVALID_ARGUMENT', 'HEADERS_TOO_LARGE', 'The headers are larger than this server takes.');
    default:
      return edgeError('INVALID_ARGUMENT', 'INVALID_HTTP', 'The request is not valid HTTP.');
  }
}
