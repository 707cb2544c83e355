import type { IncomingMessage } from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { invalidArgument } from '@longhaul/kernel';
import { toHttpError } from '@longhaul/platform-grpc';
import { inSpan, openServerSpan } from '@longhaul/platform-otel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Admission } from '../../core/admission.js';
import type { Arrivals } from '../../core/arrivals.js';
import type { RequestObserver } from '../../core/ports.js';
import type { Tenant, TenantDirectory } from '../../core/tenants/tenant.js';
import { authenticate } from '../tenants/authenticate.js';
import { readBody, requireSize, type BodyLimits } from './body-reader.js';
import { answerClientError } from './client-error.js';
import { edgeError, routeNotFound, toAppError } from './edge-errors.js';
import { setContext } from './request-context.js';
import { chooseRequestId } from './request-id.js';
import { recordOf, type RequestLedger } from './request-ledger.js';
import type { RequestRecord } from './request-record.js';
import { policyOf } from './route-policy.js';
import { parseStrictJson } from './strict-json.js';
import { watchServer } from './watch-server.js';

export interface EdgeOptions extends BodyLimits {
  /** A request that has not arrived as a whole by then is refused with 408. */
  bodyTimeoutMs: number;
}

/** What the edge works with. */
export interface EdgeParts {
  ledger: RequestLedger;
  tenants: TenantDirectory;
  admission: Admission;
  arrivals: Arrivals;
  observer: RequestObserver;
}

const HEADERS_MS = 60_000;
/** How often connections are looked at, at least, and for short timeouts their share. */
const CHECK_MS = 30_000;
const CHECK_SHARE = 4;

/** A Fastify server that counts every request, asks for the key by route, and reads JSON strictly. */
export function createHttpAdapter(options: EdgeOptions, parts: EdgeParts): FastifyAdapter {
  const { ledger } = parts;
  const adapter = new FastifyAdapter({
    bodyLimit: options.maxBodyBytes,
    requestTimeout: options.bodyTimeoutMs,
    http: arrivalLimits(options.bodyTimeoutMs),
    clientErrorHandler: (error, socket) => answerClientError(ledger, error, socket),
    trustProxy: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 512 },
    frameworkErrors: answerFrameworkError,
  });
  const fastify = adapter.getInstance();
  watchServer(fastify.server, ledger);
  // Their size is bounded. Beyond a count Node would leave headers out without a word.
  fastify.server.maxHeadersCount = 0;
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', async (request: FastifyRequest) => {
    const body = await readBody(request.raw, parts.arrivals, options);
    admit(request.raw, body.length, parts);
    return parseStrictJson(body);
  });
  fastify.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    guard(request, ledger.open(request.raw, reply.raw), { ...options, ...parts });
  });
  return adapter;
}

/** A path that no route can be looked up for: it passes no filter, and is answered as all errors are. */
function answerFrameworkError(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const { status, headers, body } = toHttpError(toAppError(error, request));
  void reply.status(status).headers(headers).header('content-type', 'application/json; charset=utf-8').send(body);
}

/** Node takes the two timeouts for each other where that of the headers is the longer one. */
function arrivalLimits(requestTimeout: number) {
  const headersTimeout = Math.min(HEADERS_MS, requestTimeout);
  const connectionsCheckingInterval = Math.min(CHECK_MS, Math.ceil(requestTimeout / CHECK_SHARE));
  // Node would answer a request without Host itself, unseen; the guard does it.
  return { requestTimeout, headersTimeout, connectionsCheckingInterval, requireHostHeader: false };
}

/**
 * The steps before any handler, and before the body is read: one host, the route, the key, the id, a look whether there
 * is room at all.
 *
 * @throws AppError that ends the request.
 */
function guard(request: FastifyRequest, record: RequestRecord, options: EdgeOptions & EdgeParts): void {
  requireOneHost(request.raw);
  const policy = policyOf(request);
  if (!policy) throw routeNotFound(request.method, request.url);
  record.route = `${request.method} ${request.routeOptions.url ?? ''}`;
  if (!policy.key) return;
  const tenant = authenticate(options.tenants, request.headers.authorization);
  record.tenant = tenant.id;
  if (chooseRequestId(request.headers['x-request-id']).refused) {
    throw invalidArgument('X-Request-Id', 'X-Request-Id must have 1 to 128 printable ASCII characters without spaces.');
  }
  openTrace(request, record, tenant);
  if (policy.admission) refuseEarly(Number(request.headers['content-length'] ?? 0), options);
}

function openTrace(request: FastifyRequest, record: RequestRecord, tenant: Tenant): void {
  const span = openServerSpan(record.route, request.headers, {
    'http.request.method': request.method,
    'http.route': request.routeOptions.url ?? '',
  });
  record.inTrace = (action) => inSpan(span, action);
  record.whenEnded(() => span.end());
  setContext(request, { requestId: record.requestId, tenant, span });
}

/** Host decides where a proxy sends a request; two of them are two opinions. */
function requireOneHost({ rawHeaders, httpVersion }: IncomingMessage): void {
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (hosts.length === 0 && httpVersion === '1.1')
    throw edgeError('INVALID_ARGUMENT', 'INVALID_HTTP', 'The request has no Host header.');
  if (hosts.length > 1)
    throw edgeError('INVALID_ARGUMENT', 'INVALID_HTTP', 'The request has more than one Host header.');
}

/** Takes the place of a request that has arrived, for as long as it is answered. */
function admit(request: IncomingMessage, bytes: number, { admission, observer }: EdgeParts): void {
  const result = admission.admit(bytes);
  if (result.kind === 'rejected') {
    observer.requestRejected(result.error.reason);
    throw result.error;
  }
  recordOf(request)?.whenEnded(() => result.release());
}

/** A request that could not be admitted now is refused before its body is read. */
function refuseEarly(declaredBytes: number, { admission, observer, ...limits }: EdgeOptions & EdgeParts): void {
  requireSize(declaredBytes, limits);
  const error = admission.refusal(declaredBytes);
  if (!error) return;
  observer.requestRejected(error.reason);
  throw error;
}
