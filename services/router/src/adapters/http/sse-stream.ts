import type { ServerResponse } from 'node:http';
import { AppError } from '@longhaul/kernel';
import { SSE_END, sseEvent } from './sse-event.js';

export interface SseOptions {
  /** A comment goes out after this long without data, so that proxies keep the connection. */
  pingMs: number;
  /** A client that takes nothing for this long loses its stream. */
  stallTimeoutMs: number;
  signal: AbortSignal;
}

/**
 * Server-sent events on a raw response. A write waits until the socket has room, so a slow client slows the producer and
 * a client that stops reading ends as `CLIENT_STALLED`.
 */
export class SseStream {
  readonly #response: ServerResponse;
  readonly #options: SseOptions;
  readonly #pings: NodeJS.Timeout;
  #lastWriteMs = performance.now();

  constructor(response: ServerResponse, options: SseOptions) {
    this.#response = response;
    this.#options = options;
    response.setHeader('content-type', 'text/event-stream; charset=utf-8');
    response.setHeader('cache-control', 'no-cache');
    response.setHeader('x-accel-buffering', 'no');
    response.writeHead(200);
    response.flushHeaders();
    this.#pings = setInterval(() => this.#ping(), options.pingMs);
  }

  /** Sends one data event. */
  async send(data: unknown): Promise<void> {
    this.#options.signal.throwIfAborted();
    this.#lastWriteMs = performance.now();
    if (!this.#response.write(sseEvent(data))) await this.#drained();
  }

  /** Ends the stream; a complete one carries the end mark. */
  end(complete: boolean): void {
    clearInterval(this.#pings);
    if (this.#response.writableEnded) return;
    this.#response.end(complete ? SSE_END : undefined);
  }

  /** Sends the error that the stream ends with, without the end mark. */
  fail(error: unknown): void {
    if (!this.#response.writableEnded) this.#response.write(sseEvent(error));
    this.end(false);
  }

  /** Drops the connection, for clients that do not read: an orderly end would wait for them. */
  destroy(): void {
    clearInterval(this.#pings);
    this.#response.destroy();
  }

  #ping(): void {
    const idle = performance.now() - this.#lastWriteMs >= this.#options.pingMs;
    if (idle && !this.#response.writableNeedDrain && !this.#response.writableEnded) this.#response.write(': ping\n\n');
  }

  #drained(): Promise<void> {
    const { signal, stallTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => finish(stalled(stallTimeoutMs)), stallTimeoutMs);
      const onDrain = () => finish();
      const onAbort = () => finish(AppError.from(signal.reason));
      const finish = (error?: AppError) => {
        clearTimeout(timer);
        this.#response.off('drain', onDrain);
        signal.removeEventListener('abort', onAbort);
        if (error) reject(error);
        else resolve();
      };
      this.#response.once('drain', onDrain);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }
}

function stalled(timeoutMs: number): AppError {
  return new AppError({
    code: 'ABORTED',
    reason: 'CLIENT_STALLED',
    message: `The client read nothing for ${timeoutMs} ms.`,
  });
}
