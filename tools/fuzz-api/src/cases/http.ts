import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { ANSWERED, EITHER, refused, type ApiCase, type Expectation, type HttpCase } from '../case.js';
import { jsonText } from '../json-text.js';
import type { Random } from '../random.js';
import { anyApi, PATHS, postText, smallBody } from './bodies.js';

type Headers = HttpCase['headers'];

function withHeaders(random: Random, headers: Headers, expect: Expectation, body?: Buffer): HttpCase {
  const api = anyApi(random);
  return { ...postText(PATHS[api], body ?? Buffer.from(jsonText(smallBody(api))), expect), headers };
}

const MEDIA_TYPES: readonly (readonly [string, Expectation])[] = [
  ['application/json', ANSWERED],
  ['application/json; charset=utf-8', ANSWERED],
  ['application/json;charset="UTF-8"', ANSWERED],
  ['Application/JSON', ANSWERED],
  ['application/json; charset=utf-16', refused(undefined, 415)],
  ['application/json; charset=iso-8859-1', refused(undefined, 415)],
  ['text/plain', refused(undefined, 415)],
  ['text/json', refused(undefined, 415)],
  ['application/x-www-form-urlencoded', refused(undefined, 415)],
  ['multipart/form-data; boundary=x', refused(undefined, 415)],
  ['application/merge-patch+json', refused(undefined, 415)],
  ['application/jsonp', refused(undefined, 415)],
  ['application/octet-stream', refused(undefined, 415)],
  ['application/json, text/plain', refused(undefined, 415)],
  ['', EITHER],
  [';', EITHER],
  ['application/json;;;', EITHER],
  ['application/json; boundary=x', EITHER],
  ['*/*', EITHER],
];

export function mediaTypes(random: Random): ApiCase {
  if (random.chance(0.1)) return withHeaders(random, {}, refused(undefined, 415));
  const [type, expect] = random.pick(MEDIA_TYPES);
  return withHeaders(random, { 'content-type': type }, expect);
}

/** Compressed bodies are decoded within the limit, or refused as a type that is not taken; never read as they are. */
export function contentEncodings(random: Random): ApiCase {
  const plain = Buffer.from(jsonText(smallBody('completions')));
  const bomb = () => gzipSync(Buffer.alloc(2 ** random.integer(20, 26), 0x20));
  const [encoding, body, expect] = random.pick<readonly [string, () => Buffer, Expectation]>([
    ['identity', () => plain, ANSWERED],
    ['gzip', () => gzipSync(plain), EITHER],
    ['gzip', () => plain, refused(undefined, 400, 415)],
    ['gzip', () => gzipSync(plain).subarray(0, 20), refused(undefined, 400, 415)],
    ['gzip', bomb, refused(undefined, 400, 413, 415)],
    ['deflate', () => deflateSync(plain), EITHER],
    ['br', () => brotliCompressSync(plain), EITHER],
    ['zstd', () => plain, refused(undefined, 400, 415)],
    ['gzip, gzip', () => gzipSync(gzipSync(plain)), EITHER],
    ['nonsense', () => plain, refused(undefined, 400, 415)],
  ]);
  const headers = { 'content-type': 'application/json', 'content-encoding': encoding };
  return { ...withHeaders(random, headers, expect, body()), path: PATHS.completions };
}

const HEADERS: readonly (readonly [string, readonly string[]])[] = [
  ['x-request-id', ['a', 'ä', ' ', '', 'x'.repeat(128), 'x'.repeat(129), '{"a":1}', '../../etc', 'a b', '%00', '\t']],
  ['authorization', ['', 'Bearer', 'Bearer ', 'bearer x', 'Basic YTpi', 'Bearer a b', 'x'.repeat(8000), 'Bearer ä']],
  ['accept', ['', '*/*', 'text/event-stream', 'application/xml', 'nonsense', ';q=9']],
  ['accept-encoding', ['gzip', 'br', 'identity;q=0', '*;q=0', 'nonsense']],
  ['traceparent', ['', '00-0-0-0', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, 'ff-x', 'x'.repeat(5000)]],
  ['tracestate', ['', '=', ',,,,', 'a='.repeat(500)]],
  ['baggage', ['', 'a=b;c', '%%%', 'k=v,'.repeat(300)]],
  ['origin', ['null', 'https://example.com', 'http://[::1]', 'x', '']],
  ['cookie', ['a=b', '=;=;', '__proto__=1']],
  ['x-forwarded-for', ['1.2.3.4', '::', 'a,b,c', "'"]],
  ['x-forwarded-proto', ['https', 'gopher']],
  ['forwarded', ['for=1;by=2', ';;;;']],
  ['if-none-match', ['*', '"a"']],
  ['range', ['bytes=0-1', 'bytes=-1', 'x']],
  ['connection', ['close', 'keep-alive', 'upgrade', 'close, keep-alive']],
  ['x-http-method-override', ['DELETE', 'GET']],
  ['openai-organization', ['org', '']],
  ['__proto__', ['1']],
  ['constructor', ['1']],
];

/** Headers that mean nothing here, or that a proxy has written wrongly; each is taken or refused, none does harm. */
export function oddHeaders(random: Random): ApiCase {
  const headers: Record<string, string | string[]> = { 'content-type': 'application/json' };
  for (const [name, values] of random.some(HEADERS, random.integer(1, 3))) {
    headers[name] = name === 'x-request-id' && random.chance(0.2) ? ['first', 'second'] : random.pick(values);
  }
  return withHeaders(random, headers, EITHER);
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const KNOWN_PATHS = [
  ...['/v1/chat/completions', '/v1/completions', '/v1/models', '/v1/models/needle-3m', '/tokenize', '/detokenize'],
  ...['/health', '/ready', '/live', '/metrics', '/', '/v1', '/v1/embeddings', '/v1/responses', '/favicon.ico'],
];
const SPELLINGS: readonly ((path: string, random: Random) => string)[] = [
  (path) => path,
  (path, random) => escaped(path, random),
  (path) => `/${path}`,
  (path) => `${path}/`,
  (path) => path.toUpperCase(),
  (path) => `${path}?${'a=b&'.repeat(20)}`,
  (path) => `${path}?__proto__[x]=1&a[]=2&%`,
  (path) => `${path};a=b`,
  (path) => `/x/..${path}`,
  (path) => `/.${path}`,
  (path) => `${path}%00`,
  (path) => `${path}%2e%2e%2f`,
  (path) => `${path}%`,
  (path) => `${path}%zz`,
  (path) => `${path}/%ff%c0%ae`,
  (path) => path.replaceAll('/', '%2F'),
  (path) => path.replaceAll('/', '\\'),
  (path) => `${path}/${'a'.repeat(3000)}`,
  (path) => `http://example.com${path}`,
];

/** One letter of the path written as its code. */
function escaped(path: string, random: Random): string {
  const at = random.integer(0, path.length - 1);
  return `${path.slice(0, at)}%${path.charCodeAt(at).toString(16)}${path.slice(at + 1)}`;
}

/** Each path in many spellings, with every method. */
export function pathSpellings(random: Random): ApiCase {
  const path = random.pick(SPELLINGS)(random.pick(KNOWN_PATHS), random);
  const drawn = random.pick(METHODS);
  // Of a target that is none no server knows the method, so its error has a body, which an answer to HEAD has not.
  const method = drawn === 'HEAD' && !/^(\/|http:)/.test(path) ? 'GET' : drawn;
  const body =
    method === 'GET' || method === 'HEAD' ? Buffer.alloc(0) : Buffer.from(jsonText(smallBody('completions')));
  const headers: Headers = body.length > 0 ? { 'content-type': 'application/json' } : {};
  return { transport: 'http', method, path, headers, body, cancelAfterMs: null, expect: EITHER };
}

/** The client goes away: before the first token, in the middle, at the end. */
export function cancelled(random: Random): ApiCase {
  const stream = random.chance(0.6);
  const api = anyApi(random);
  const body = {
    ...smallBody(api),
    max_tokens: random.integer(1, 60),
    ignore_eos: true,
    n: random.integer(1, 2),
    stream,
  };
  const cancelAfterMs = stream && random.chance(0.5) ? 0 : random.integer(1, 40);
  return { ...postText(PATHS[api], jsonText(body), EITHER), cancelAfterMs };
}
