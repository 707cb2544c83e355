import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { toHttpError } from '@longhaul/platform-grpc';
import { writeRawError } from './client-error.js';
import { edgeError, routeNotFound } from './edge-errors.js';
import type { RequestLedger } from './request-ledger.js';

/** Puts every request of a server into the ledger before anybody else sees it, those that Node would answer itself included. */
export function watchServer(server: Server, ledger: RequestLedger): void {
  server.prependListener('request', (request, response) => void ledger.open(request, response));
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // The word to go on is given when the body is wanted, so that a refusal comes before it is sent.
    ledger.open(request, response).awaitsContinue = true;
    server.emit('request', request, response);
  });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    ledger.open(request, response).fail('EXPECTATION_FAILED');
    const message = 'The only expectation that this server meets is 100-continue.';
    const { status, body } = toHttpError(edgeError('INVALID_ARGUMENT', 'EXPECTATION_FAILED', message));
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', connection: 'close' });
    response.end(JSON.stringify(body));
  });
  server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    const error = routeNotFound('CONNECT', request.url ?? '');
    ledger.reportMalformed(error.reason, writeRawError(error, socket));
  });
}
