import { Agent, request, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { HttpCase, Outcome } from '../case.js';

/** Nothing that a case asks for takes this long: the server has forgotten it. */
const PATIENCE_MS = 60_000;

/** Sends cases over connections that are kept and shared. */
export class HttpSender {
  readonly #agent: Agent;
  readonly #url: URL;

  constructor(url: string, connections: number) {
    this.#url = new URL(url);
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  async send(one: HttpCase): Promise<Outcome> {
    const first = await this.#try(one);
    // A kept connection may end just when it is used again; that says nothing about the request.
    return first.outcome.kind === 'closed' && first.wasUsedBefore ? (await this.#try(one)).outcome : first.outcome;
  }

  close(): void {
    this.#agent.destroy();
  }

  #try(one: HttpCase): Promise<{ outcome: Outcome; wasUsedBefore: boolean }> {
    return new Promise((resolve) => {
      let sent: ClientRequest;
      const settle = (outcome: Outcome) => resolve({ outcome, wasUsedBefore: sent?.reusedSocket === true });
      try {
        sent = this.#open(one);
      } catch (error) {
        // Node's client itself refuses some headers and paths.
        return settle({ kind: 'closed', why: `not sent: ${String(error)}` });
      }
      const gone = cancelLater(one, sent, settle);
      sent.on('error', (error) => settle({ kind: 'closed', why: error.message }));
      sent.on('response', (response) => {
        if (one.cancelAfterMs === 0) gone();
        readAll(response).then(settle, (error: unknown) => settle({ kind: 'closed', why: String(error) }));
      });
      sent.setTimeout(PATIENCE_MS, () => sent.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)));
      sent.end(one.body);
    });
  }

  #open(one: HttpCase): ClientRequest {
    const { hostname, port } = this.#url;
    const headers: OutgoingHttpHeaders = { ...one.headers };
    if (one.body.length > 0) headers['content-length'] = String(one.body.length);
    return request({ hostname, port, method: one.method, path: one.path, agent: this.#agent, headers });
  }
}

/** @returns what goes away at once. */
function cancelLater(one: HttpCase, sent: ClientRequest, settle: (outcome: Outcome) => void): () => void {
  const gone = () => {
    settle({ kind: 'cancelled' });
    sent.destroy();
  };
  if (one.cancelAfterMs !== null && one.cancelAfterMs > 0) {
    const timer = setTimeout(gone, one.cancelAfterMs);
    sent.on('close', () => clearTimeout(timer));
  }
  return gone;
}

async function readAll(response: IncomingMessage): Promise<Outcome> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  const contentType = response.headers['content-type'] ?? '';
  return { kind: 'http', status: response.statusCode ?? 0, contentType, text: Buffer.concat(parts).toString('utf8') };
}
