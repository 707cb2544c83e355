import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from '@longhaul/kernel';
import { writeRawError } from './client-error.js';
import type { RequestLedger } from './request-ledger.js';

const RETRY_AFTER_S = 1;

/**
 * Bounds the open connections of a server, of all its addresses together. One too many gets an answer, 503, before
 * anything of it is read, and is closed.
 *
 * @returns how many are open.
 */
export function boundConnections(server: Server, max: number, ledger: RequestLedger): () => number {
  const serve = server.listeners('connection') as ((socket: Socket) => void)[];
  let open = 0;
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    if (open >= max) return refuse(socket, max, ledger);
    open += 1;
    socket.once('close', () => (open -= 1));
    for (const listener of serve) listener.call(server, socket);
  });
  return () => open;
}

function refuse(socket: Socket, max: number, ledger: RequestLedger): void {
  const error = tooManyConnections(max);
  socket.on('error', () => undefined);
  ledger.reportMalformed(error.reason, writeRawError(error, socket));
}

function tooManyConnections(max: number): AppError {
  return new AppError({
    code: 'UNAVAILABLE',
    reason: 'TOO_MANY_CONNECTIONS',
    message: `The server has as many connections as --max-connections allows (${max}).`,
    retry: 'same',
    details: { maxConnections: max, retryAfterS: RETRY_AFTER_S },
  });
}
