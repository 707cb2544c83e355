import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { AppError, monotonicMs } from '@longhaul/kernel';
import { writeRawError } from './client-error.js';
import type { RequestLedger } from './request-ledger.js';

const RETRY_AFTER_S = 1;
/** Looking for idle ones costs a look at all, which whoever connects again and again should not cause each time. */
const RECLAIM_EVERY_MS = 1000;

/**
 * Bounds the open connections of a server, of all its addresses together. At the bound the idle ones are closed, those
 * that wait for a further request after an answer. Where that makes no room, one too many gets an answer, 503, before
 * anything of it is read, and is closed.
 *
 * @returns how many are open.
 */
export function boundConnections(server: Server, max: number, ledger: RequestLedger): () => number {
  const serve = server.listeners('connection') as ((socket: Socket) => void)[];
  const open = new Set<Socket>();
  const reclaim = idleReclaimer(server, open);
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    if (open.size >= max) reclaim();
    if (open.size >= max) return refuse(socket, max, ledger);
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    for (const listener of serve) listener.call(server, socket);
  });
  return () => open.size;
}

/** Closes the idle connections, once a second at most, and takes them out of `open` before they tell so themselves. */
export function idleReclaimer(
  server: Pick<Server, 'closeIdleConnections'>,
  open: Set<Pick<Socket, 'destroyed'>>,
  now = monotonicMs,
): () => void {
  let nextMs = -Infinity;
  return () => {
    if (now() < nextMs) return;
    nextMs = now() + RECLAIM_EVERY_MS;
    server.closeIdleConnections();
    for (const socket of open) if (socket.destroyed) open.delete(socket);
  };
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
