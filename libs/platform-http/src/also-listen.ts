import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';

const LOCALHOST = 'localhost';

/** The addresses that a host stands for, of which the first is listened on by the HTTP server itself. */
export async function addressesOf(host: string): Promise<readonly [string, ...string[]]> {
  if (host !== LOCALHOST) return [host];
  const found = await lookup(host, { all: true }).catch(() => []);
  const [first, ...rest] = [...new Set(found.map(({ address }) => address))];
  return first === undefined ? [host] : [first, ...rest];
}

/**
 * Listens on more addresses for the same HTTP server, so that its connections are guarded, counted and closed like all
 * others. An address that cannot be had is left out.
 *
 * @returns what stops it.
 */
export async function alsoListen(http: HttpServer, addresses: readonly string[], port: number): Promise<() => void> {
  const listening: Server[] = [];
  for (const host of addresses) {
    const door = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => http.emit('connection', socket));
    door.listen(port, host);
    const open = await once(door, 'listening').then(
      () => true,
      () => false,
    );
    if (open) listening.push(door);
  }
  return () => {
    for (const door of listening) door.close();
  };
}
