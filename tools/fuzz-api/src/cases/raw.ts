import { EITHER, type RawCase } from '../case.js';
import { jsonText } from '../json-text.js';
import type { Random } from '../random.js';
import { smallBody } from './bodies.js';

const BODY = jsonText(smallBody('completions'));

function head(...lines: string[]): string {
  return ['POST /v1/completions HTTP/1.1', 'Host: x', 'Content-Type: application/json', ...lines, '', ''].join('\r\n');
}

const chunked = (chunks: string) => `${head('Transfer-Encoding: chunked')}${chunks}`;
const whole = `${head(`Content-Length: ${BODY.length}`)}${BODY}`;

/** Requests that no HTTP library would send. */
const REQUESTS: readonly ((random: Random) => string)[] = [
  () => `${head('Content-Length: 999999')}${BODY}`,
  () => `${head('Content-Length: -1')}${BODY}`,
  () => `${head('Content-Length: 1e3')}${BODY}`,
  () => `${head('Content-Length: 99999999999999999999')}${BODY}`,
  () => `${head('Content-Length: 5', `Content-Length: ${BODY.length}`)}${BODY}`,
  () => `${head(`Content-Length: ${BODY.length}`, 'Transfer-Encoding: chunked')}0\r\n\r\n`,
  () => `${head('Transfer-Encoding: gzip, chunked')}0\r\n\r\n`,
  () => `${head('Transfer-Encoding: identity')}${BODY}`,
  () => chunked('zz\r\n'),
  () => chunked('-5\r\n'),
  () => chunked('ffffffffffffffffff\r\n'),
  () => chunked(`${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`),
  () => chunked(`${BODY.length.toString(16)};ext=${'x'.repeat(20_000)}\r\n${BODY}\r\n0\r\n\r\n`),
  () => chunked(`${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\nTrailer: x\r\n\r\n`),
  () => head(`Content-Length: ${BODY.length}`),
  (random) => whole.slice(0, random.integer(1, whole.length - 1)),
  () => whole + whole,
  () => whole.replace('Host: x', 'Host: x\r\nHost: y'),
  () => whole.replace('Host: x\r\n', ''),
  () => whole.replace('Host: x', `X-Long: ${'x'.repeat(100_000)}`),
  () => whole.replace('Host: x', Array.from({ length: 3000 }, (_, index) => `X-${index}: y`).join('\r\n')),
  () => whole.replace('Host: x', 'Host: x\r\nX-Folded: a\r\n b'),
  () => whole.replace('Host: x', 'Host: x\r\nX-Nul: a\u0000b'),
  () => whole.replace('Host: x', 'Host : x'),
  () => whole.replace('Host: x', 'Host: x\r\nExpect: 100-continue'),
  () => whole.replace('Host: x', 'Host: x\r\nExpect: nonsense'),
  () => whole.replace('Host: x', 'Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade'),
  () =>
    whole.replace('Host: x', 'Host: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAAA'),
  () => whole.replaceAll('\r\n', '\n'),
  () => whole.replace('HTTP/1.1', 'HTTP/1.0'),
  () => whole.replace('HTTP/1.1', 'HTTP/9.9'),
  () => whole.replace('HTTP/1.1', 'HTCPCP/1.0'),
  () => whole.replace('POST', 'BREW'),
  () => whole.replace('POST', 'post'),
  () => whole.replace('POST /v1/completions', 'POST  /v1/completions'),
  () => whole.replace('/v1/completions', '/v1/\u0080completions'),
  () => 'GET /health\r\n\r\n',
  () => 'GET http://x/v1/models HTTP/1.1\r\nHost: x\r\n\r\n',
  () => 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
  () => 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
  () => 'TRACE / HTTP/1.1\r\nHost: x\r\n\r\n',
  () => 'GET //[::1 HTTP/1.1\r\nHost: [\r\n\r\n',
  () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  () => '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
  () => '\r\n\r\n\r\n',
];

export function brokenHttp(random: Random): RawCase {
  const bytes = random.chance(0.05)
    ? random.bytes(random.size(1, 2000))
    : Buffer.from(random.pick(REQUESTS)(random), 'latin1');
  return { transport: 'raw', bytes, cancelAfterMs: random.chance(0.1) ? random.integer(1, 20) : null, expect: EITHER };
}
