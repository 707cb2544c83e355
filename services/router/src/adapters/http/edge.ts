import { FastifyAdapter } from '@nestjs/platform-fastify';
import { AppError } from '@longhaul/kernel';
import { openServerSpan } from '@longhaul/platform-otel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Admission } from '../../core/admission.js';
import type { RequestObserver } from '../../core/ports.js';
import { answerClientError } from './client-error.js';
import { requireFewStructures } from './json-structure.js';
import { authenticate, chooseRequestId, setContext } from './request-context.js';

export interface EdgeOptions {
  apiKey: string | undefined;
  maxBodyBytes: number;
  /** A request that has not arrived as a whole by then is refused with 408. */
  bodyTimeoutMs: number;
}

const HEADERS_MS = 60_000;
/** How often connections are looked at, at least, and for short timeouts their share. */
const CHECK_MS = 30_000;
const CHECK_SHARE = 4;
const UTF8 = new TextDecoder('utf-8', { fatal: true });
/** Paths that cost work; the rest answers even when the house is full. */
const ADMITTED_PATHS = new Set(['/v1/chat/completions', '/v1/completions', '/tokenize', '/detokenize']);

/** A Fastify server that reads JSON strictly. */
export function createHttpAdapter(options: EdgeOptions): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit: options.maxBodyBytes,
    requestTimeout: options.bodyTimeoutMs,
    http: arrivalLimits(options.bodyTimeoutMs),
    clientErrorHandler: answerClientError,
    trustProxy: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 512 },
  });
  const parseJson = (_request: FastifyRequest, body: Buffer, done: (error: Error | null, value?: unknown) => void) => {
    try {
      done(null, parseStrictJson(body));
    } catch (error) {
      done(AppError.from(error));
    }
  };
  const fastify = adapter.getInstance();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, parseJson);
  return adapter;
}

/** Node takes the two timeouts for each other where that of the headers is the longer one. */
function arrivalLimits(requestTimeout: number) {
  const headersTimeout = Math.min(HEADERS_MS, requestTimeout);
  const connectionsCheckingInterval = Math.min(CHECK_MS, Math.ceil(requestTimeout / CHECK_SHARE));
  return { requestTimeout, headersTimeout, connectionsCheckingInterval };
}

/** The steps before any handler: id, trace, key, admission. They run before the body is read. */
export function addEdgeHooks(
  adapter: FastifyAdapter,
  options: EdgeOptions & { admission: Admission; observer: RequestObserver },
): void {
  adapter.getInstance().addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    const requestId = chooseRequestId(request.headers['x-request-id']);
    void reply.header('x-request-id', requestId);
    const path = request.url.split('?', 1)[0] ?? '';
    if (!ADMITTED_PATHS.has(path) && !path.startsWith('/v1/')) return;
    const tenant = authenticate(options.apiKey, request.headers.authorization);
    const span = openServerSpan(`${request.method} ${path}`, request.headers, {
      'http.request.method': request.method,
      'url.path': path,
    });
    reply.raw.once('close', () => span.end());
    setContext(request, { requestId, tenant, span });
    if (request.method === 'POST' && ADMITTED_PATHS.has(path)) admit(request, reply, options);
  });
}

function admit(request: FastifyRequest, reply: FastifyReply, options: Parameters<typeof addEdgeHooks>[1]): void {
  const declared = Number(request.headers['content-length'] ?? options.maxBodyBytes);
  const bytes = Number.isFinite(declared) ? Math.min(declared, options.maxBodyBytes) : options.maxBodyBytes;
  const result = options.admission.admit(bytes);
  if (result.kind === 'rejected') {
    options.observer.requestRejected(result.error.reason);
    throw result.error;
  }
  reply.raw.once('close', () => result.release());
}

/** Parses JSON that is valid UTF-8. */
function parseStrictJson(body: Buffer): unknown {
  const invalid = (message: string) => new AppError({ code: 'INVALID_ARGUMENT', reason: 'INVALID_JSON', message });
  requireFewStructures(body);
  let text: string;
  try {
    text = UTF8.decode(body);
  } catch {
    throw invalid('The body is not valid UTF-8.');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('The body is not valid JSON.');
  }
}
