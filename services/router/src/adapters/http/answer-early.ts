import type { IncomingMessage, ServerResponse } from 'node:http';

export interface EarlyAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  text: string;
}

export interface DrainLimits {
  /** Most bytes that are read and thrown away after the answer. */
  maxBytes: number;
  /** The client may pause this long. */
  idleMs: number;
}

/**
 * Answers a request whose body is still coming, and ends the connection. Closing it while bytes are under way would
 * reset it, and a client that sends before it reads would never see why: so what comes is read and thrown away, up to a
 * bound.
 */
export function answerEarly(
  request: IncomingMessage,
  response: ServerResponse,
  answer: EarlyAnswer & { drain: DrainLimits | null },
): void {
  const { status, headers, text, drain } = answer;
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(text), connection: 'close' });
  if (!drain || request.destroyed) {
    response.end(text);
    return;
  }
  response.write(text);
  drainThen(request, drain, () => response.end());
}

function drainThen(request: IncomingMessage, { maxBytes, idleMs }: DrainLimits, done: () => void): void {
  let left = maxBytes;
  const finish = () => {
    clearTimeout(timer);
    request.off('data', onData).off('end', finish).off('close', finish);
    done();
  };
  const timer = setTimeout(finish, idleMs);
  const onData = (chunk: Buffer) => {
    left -= chunk.length;
    timer.refresh();
    if (left < 0) finish();
  };
  request.on('data', onData).once('end', finish).once('close', finish);
  request.on('error', () => undefined);
  request.resume();
}
