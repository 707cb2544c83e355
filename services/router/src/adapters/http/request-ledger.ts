import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { chooseRequestId } from './request-id.js';
import { NO_ROUTE, RequestRecord, type RequestEnd } from './request-record.js';

const records = new WeakMap<IncomingMessage, RequestRecord>();

/** The record of a request; undefined only for one that no server of ours has seen. */
export function recordOf(request: IncomingMessage): RequestRecord | undefined {
  return records.get(request);
}

/**
 * Every HTTP request, from the moment it has a head until its answer is out or its connection is gone, and what was so
 * malformed that it never became one. Each is reported exactly once.
 */
export class RequestLedger {
  readonly #report: (end: RequestEnd) => void;
  readonly #bySocket = new WeakMap<Duplex, Set<RequestRecord>>();

  constructor(report: (end: RequestEnd) => void) {
    this.#report = report;
  }

  /** Opens the record of a request; asked again for the same one it gives the same record. */
  open(request: IncomingMessage, response: ServerResponse): RequestRecord {
    const known = records.get(request);
    if (known) return known;
    const record = new RequestRecord(chooseRequestId(request.headers['x-request-id']).id, request, response);
    records.set(request, record);
    response.setHeader('x-request-id', record.requestId);
    const open = this.#openOn(request.socket);
    open.add(record);
    response.once('close', () => this.#end(record, open));
    return record;
  }

  /** Requests of a connection that have not ended, oldest first. */
  openOn(socket: Duplex): readonly RequestRecord[] {
    return [...(this.#bySocket.get(socket) ?? [])];
  }

  /** Reports what an answer was written to although it never became a request. */
  reportMalformed(reason: string, status: number): void {
    const requestId = chooseRequestId(undefined).id;
    const inTrace = (action: () => void) => action();
    const unknown = { stream: undefined, tenant: undefined };
    this.#report({ requestId, route: NO_ROUTE, status, reason, durationMs: 0, ...unknown, inTrace });
  }

  /** Of pipelined requests only the first has the connection; the others hear of its end here and nowhere else. */
  #openOn(socket: Duplex): Set<RequestRecord> {
    const known = this.#bySocket.get(socket);
    if (known) return known;
    const open = new Set<RequestRecord>();
    this.#bySocket.set(socket, open);
    socket.once('close', () => {
      for (const record of [...open]) this.#end(record, open);
    });
    return open;
  }

  #end(record: RequestRecord, open: Set<RequestRecord>): void {
    open.delete(record);
    const end = record.end();
    if (end) this.#report(end);
  }
}
