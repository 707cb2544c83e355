import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FlakyProxy {
  readonly endpoint: string;
  /** The next so many requests get 503 with `SlowDown`, as S3 says it. */
  refuseNext: number;
  readonly refused: number;
  close(): Promise<void>;
}

const SLOW_DOWN =
  '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>';

/** Hands requests on to a server, except those it is told to refuse. */
export async function startFlakyProxy(target: string): Promise<FlakyProxy> {
  let refused = 0;
  const server = createServer((incoming, answer) => {
    if (proxy.refuseNext <= 0) return forward(target, incoming, answer);
    proxy.refuseNext--;
    refused++;
    incoming.resume().on('end', () => answer.writeHead(503, { 'content-type': 'application/xml' }).end(SLOW_DOWN));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    refuseNext: 0,
    get refused() {
      return refused;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return proxy;
}

/** With the headers as they came: the signature covers the host. */
function forward(target: string, incoming: IncomingMessage, answer: ServerResponse): void {
  const { method, url, headers } = incoming;
  const outgoing = request(new URL(url ?? '/', target), { method, headers }, (reply) => {
    answer.writeHead(reply.statusCode ?? 502, reply.headers);
    reply.pipe(answer);
  });
  outgoing.on('error', () => answer.destroy());
  incoming.pipe(outgoing);
}
