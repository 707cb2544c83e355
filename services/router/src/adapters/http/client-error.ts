import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from '@longhaul/kernel';
import { toHttpError } from '@longhaul/platform-grpc';

/**
 * Answers what never became a request: broken HTTP, headers that are too large, a client that does not send what it
 * announced. The body is an OpenAI error like all others; the connection ends.
 */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const { status, body } = toHttpError(meaningOf(error.code));
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
  ];
  if (socket.writable) socket.write(`${head.join('\r\n')}\r\n\r\n${text}`);
  socket.destroy();
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

function edgeError(code: AppError['code'], reason: string, message: string): AppError {
  return new AppError({ code, reason, message });
}
