import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { GrpcHost, type GrpcHostOptions } from '../src/index.js';

const NEVER_MS = 1_000_000;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function startHost(times: Partial<GrpcHostOptions['connectionTimes']> = {}) {
  const connectionTimes = { idleMs: NEVER_MS, pingEveryMs: NEVER_MS, pingTimeoutMs: NEVER_MS, ...times };
  const host = new GrpcHost({ maxMessageBytes: 4096, maxConnections: 4, connectionTimes });
  const port = await host.listen('127.0.0.1', 0);
  closers.push(() => host.close(0));
  return { host, port };
}

function openSession(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  closers.push(() => session.destroy());
  return session;
}

/** Watches health, a call without an end of its own. */
function watch(session: ClientHttp2Session) {
  const path = '/grpc.health.v1.Health/Watch';
  const call = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
  call.on('error', () => undefined);
  call.end(Buffer.alloc(5));
  call.resume();
  return call;
}

describe('connections of a bounded host', () => {
  it('are closed when they have had no call for a while, and only then', async () => {
    const { host, port } = await startHost({ idleMs: 50 });
    const busy = openSession(port);
    const call = watch(busy);
    await once(call, 'data');
    const idle = openSession(port);
    const [code] = (await once(idle, 'goaway')) as [number];
    expect(code).toBe(0);
    while (host.connections > 1) await sleep(5);
    expect(busy.closed).toBe(false);
    call.close();
    await once(busy, 'close');
    while (host.connections > 0) await sleep(5);
  });

  it('are ended when the other side answers no ping', async () => {
    const { host, port } = await startHost({ pingEveryMs: 50, pingTimeoutMs: 50 });
    const silent = connectTcp(port, '127.0.0.1')
      .on('error', () => undefined)
      .resume();
    closers.push(() => silent.destroy());
    await once(silent, 'close');
    while (host.connections > 0) await sleep(5);
  });

  it('go on with calls in flight while pings are answered', async () => {
    const { host, port } = await startHost({ pingEveryMs: 10, pingTimeoutMs: 5000 });
    const session = openSession(port);
    await once(watch(session), 'data');
    for (let pings = 0; pings < 3; pings += 1) await once(session, 'ping');
    expect(host.connections).toBe(1);
    expect(session.closed).toBe(false);
  });

  it('have a bound on their calls, of which clients are told', async () => {
    const { port } = await startHost();
    const [settings] = (await once(openSession(port), 'remoteSettings')) as [{ maxConcurrentStreams: number }];
    expect(settings.maxConcurrentStreams).toBe(1024);
  });
});
