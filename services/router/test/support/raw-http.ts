import { connect, type Socket } from 'node:net';

/** A connection on which bytes are sent as they are. */
export interface RawConnection {
  socket: Socket;
  send(bytes: string | Buffer): void;
  /** All that has come back so far. */
  received(): string;
  /** Resolves to all that came back when the connection has ended. */
  closed: Promise<string>;
}

/** `from` is the client's own address; the whole of 127.0.0.0/8 is this machine. */
export function openRaw(port: number, from = '127.0.0.1'): RawConnection {
  const chunks: Buffer[] = [];
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  const received = () => Buffer.concat(chunks).toString('utf8');
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => socket.on('close', () => resolve(received())));
  return { socket, send: (bytes) => void socket.write(bytes), received, closed };
}

/** Sends bytes and resolves to all that came back when the server has closed the connection. */
export function exchangeRaw(port: number, bytes: string | Buffer): Promise<string> {
  const raw = openRaw(port);
  raw.send(bytes);
  return raw.closed;
}

/** A head with the lines given; the connection ends after its answer unless `keep`. */
export function head(line: string, headers: readonly string[] = [], keep = false): string {
  const all = [`${line} HTTP/1.1`, 'Host: x', ...(keep ? [] : ['Connection: close']), ...headers];
  return `${all.join('\r\n')}\r\n\r\n`;
}

/** A POST of JSON. */
export function post(path: string, body: string, headers: readonly string[] = []): string {
  const own = ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`];
  return `${head(`POST ${path}`, [...own, ...headers])}${body}`;
}

/** The status codes of the answers in what came back. */
export function statuses(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}
