import { afterEach, describe, expect, it } from '@jest/globals';
import { connect, type ClientHttp2Session } from 'node:http2';
import { eventually, head, openRaw, type RawConnection } from './support/raw-http.js';
import { startRouter, type RunningRouter } from './support/start-router.js';

let running: RunningRouter;
const open: RawConnection[] = [];
const sessions: ClientHttp2Session[] = [];
afterEach(async () => {
  for (const raw of open.splice(0)) raw.socket.destroy();
  for (const session of sessions.splice(0)) session.destroy();
  await running.server.close();
});

function connectHttp(): RawConnection {
  const raw = openRaw(running.server.httpPort);
  open.push(raw);
  return raw;
}

const gauge = async (api: string): Promise<number> => {
  const line = new RegExp(`^longhaul_router_open_connections\\{[^}]*api="${api}"[^}]*\\} (\\d+)`, 'm');
  return Number(line.exec(await running.metrics())?.[1]);
};

describe('open connections', () => {
  it('over HTTP are bounded: one too many is told so, and the others go on', async () => {
    running = await startRouter({ maxConnections: 2 });
    const kept = [connectHttp(), connectHttp()];
    await eventually(async () => (await gauge('http')) === 2);
    const told = await connectHttp().closed;
    expect(told).toMatch(/^HTTP\/1\.1 503 /);
    expect(told).toContain('too_many_connections');
    expect(told).toContain('--max-connections allows (2)');
    for (const raw of kept) raw.send(head('GET /health', [], true));
    await eventually(() => kept.every((raw) => raw.received().startsWith('HTTP/1.1 200 ')));
    kept[0]?.socket.destroy();
    await eventually(async () => (await gauge('http')) === 1);
    const next = connectHttp();
    next.send(head('GET /health', [], true));
    await eventually(() => next.received().startsWith('HTTP/1.1 200 '));
  });

  it('over HTTP give their places up at the bound when they are idle, but not while a request is on its way', async () => {
    running = await startRouter({ maxConnections: 2 });
    const [idle, sending] = [connectHttp(), connectHttp()];
    idle.send(head('GET /health', [], true));
    await eventually(() => idle.received().startsWith('HTTP/1.1 200 '));
    sending.send('GET /health HTTP/1.1\r\nHost: x\r\n');
    await eventually(async () => (await gauge('http')) === 2);
    const probe = connectHttp();
    probe.send(head('GET /health', [], true));
    await eventually(() => probe.received().startsWith('HTTP/1.1 200 '));
    await idle.closed;
    sending.send('\r\n');
    await eventually(() => sending.received().startsWith('HTTP/1.1 200 '));
    expect(await gauge('http')).toBe(2);
  });

  it('over gRPC are bounded as well: one too many is sent away', async () => {
    running = await startRouter({ maxConnections: 1 });
    const session = () => {
      const made = connect(`http://127.0.0.1:${running.server.grpcPort}`);
      made.on('error', () => undefined);
      sessions.push(made);
      return made;
    };
    const first = session();
    await eventually(async () => (await gauge('grpc')) === 1);
    const second = session();
    const [code, , words] = await new Promise<[number, number, Buffer]>((resolve) => {
      second.once('goaway', (...told: [number, number, Buffer]) => resolve(told));
    });
    // ENHANCE_YOUR_CALM
    expect(code).toBe(11);
    expect(words.toString()).toBe('too_many_connections');
    expect(first.destroyed).toBe(false);
    first.destroy();
    await eventually(async () => (await gauge('grpc')) === 0);
  });
});
