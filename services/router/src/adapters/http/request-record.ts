import type { IncomingMessage, ServerResponse } from 'node:http';
import { reasonOfHttpStatus } from '@longhaul/platform-grpc';

/** The method and route of what matched nothing; its path is in no label and no log line, since anybody can make it up. */
export const NO_ROUTE = 'unmatched';
/** What is counted where the client went before it had an answer. */
const CLIENT_CLOSED = 499;

/** How a request ended, for its counter and its log line. */
export interface RequestEnd {
  requestId: string;
  /** Method and pattern of the route, such as `POST /v1/completions`, or `unmatched`. */
  route: string;
  /** The HTTP status that was sent, or 499. */
  status: number;
  /** `OK`, or the stable reason of the error. */
  reason: string;
  durationMs: number;
  /** Whose request it was; unset where nobody was asked for, or nobody let in. */
  tenant: string | undefined;
  /** Set for generation only. */
  stream: boolean | undefined;
  /** Runs an action where the request's trace is the current one. */
  inTrace: (action: () => void) => void;
}

/** What the edge keeps of one HTTP request, from its head to the end of its answer. */
export class RequestRecord {
  route = NO_ROUTE;
  stream: boolean | undefined;
  tenant: string | undefined;
  inTrace: RequestEnd['inTrace'] = (action) => action();
  /** The client waits for a word before it sends the body. */
  awaitsContinue = false;
  #reason: string | null = null;
  #status: number | null = null;
  #ended = false;
  readonly #startMs = performance.now();
  readonly #listeners: (() => void)[] = [];

  constructor(
    readonly requestId: string,
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
  ) {}

  /** Notes why the request fails; the first reason stays. `status` is for answers that bypass the response. */
  fail(reason: string, status?: number): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.#status = status ?? null;
  }

  /** Calls the listener once when the answer has been sent or the connection has ended; at once where that is past. */
  whenEnded(listener: () => void): void {
    if (this.#ended) listener();
    else this.#listeners.push(listener);
  }

  /** Ends the record; null when it had ended before. */
  end(): RequestEnd | null {
    if (this.#ended) return null;
    this.#ended = true;
    const { requestId, route, stream, tenant, inTrace, response } = this;
    const cut = !response.writableFinished;
    const status = this.#status ?? (response.headersSent ? response.statusCode : CLIENT_CLOSED);
    const reason = this.#reason ?? (cut ? 'CLIENT_DISCONNECTED' : reasonOfHttpStatus(status));
    for (const listener of this.#listeners.splice(0)) listener();
    return {
      requestId,
      route,
      stream,
      tenant,
      inTrace,
      status,
      reason,
      durationMs: Math.round(performance.now() - this.#startMs),
    };
  }
}
