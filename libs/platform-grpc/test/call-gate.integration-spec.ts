import { credentials, makeGenericClientConstructor, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from '@jest/globals';
import { workerV1 } from '@longhaul/contracts';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, type ClientHttp2Stream, type ServerHttp2Stream } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import {
  fromStatus,
  GrpcHost,
  requireBearerKey,
  serverStream,
  unary,
  type CallEnd,
  type CallGate,
} from '../src/index.js';

const NAME = 'longhaul.worker.v1.WorkerService';
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function startHost(gate: CallGate = {}) {
  const ends: CallEnd[] = [];
  let handled = 0;
  const seen = () => (handled += 1);
  const host = new GrpcHost({
    maxMessageBytes: 4096,
    gate: {
      authorize: (headers) => requireBearerKey('k', headers['authorization']),
      ended: (end) => ends.push(end),
      ...gate,
    },
  });
  async function* stream(): AsyncGenerator<never, void> {
    seen();
    await sleep(1);
  }
  host.addService(NAME, workerV1.WorkerServiceService, {
    getModel: unary(() => {
      seen();
      return Promise.resolve(workerV1.GetModelResponse.create());
    }),
    getTokenizer: serverStream(stream, { stallTimeoutMs: 1000 }),
    generate: serverStream(stream, { stallTimeoutMs: 1000 }),
    watchLoad: serverStream(stream, { stallTimeoutMs: 1000 }),
  } as unknown as workerV1.WorkerServiceServer);
  const port = await host.listen('127.0.0.1', 0);
  closers.push(() => host.close(0));
  return { host, port, ends, handled: () => handled };
}

/** One call of any method with raw bytes, as a client of any kind would make it. */
function ask(port: number, method: string, headers: Record<string, string> = {}, message = Buffer.alloc(0)) {
  const asIs = (bytes: Buffer) => bytes;
  const coding = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  const definition = { path: `/${method}`, requestStream: false, responseStream: true, ...coding };
  const Caller = makeGenericClientConstructor({ ask: definition }, 'Caller');
  const client = new Caller(`127.0.0.1:${port}`, credentials.createInsecure()) as unknown as {
    ask(message: Buffer, metadata: Metadata): NodeJS.EventEmitter & { resume(): void };
    close(): void;
  };
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return new Promise<ServiceError | null>((resolve) => {
    const call = client.ask(message, metadata);
    call.on('error', (error: ServiceError) => resolve(error));
    call.on('end', () => resolve(null));
    call.resume();
  }).finally(() => client.close());
}

const codeOf = (error: ServiceError | null) => (error === null ? 'OK' : status[error.code]);

describe('the gate of a host', () => {
  it('lets no method of any service be called without the key, but health', async () => {
    const { host, port, ends, handled } = await startHost();
    expect(host.methods.filter((method) => method.startsWith(NAME))).toHaveLength(4);
    expect(host.methods.length).toBeGreaterThanOrEqual(8);
    for (const method of host.methods) {
      const open = method.startsWith('grpc.health.v1.Health/');
      for (const headers of [{}, { authorization: 'Bearer x' }, { authorization: 'k' }]) {
        if (open) continue;
        const error = await ask(port, method, headers);
        expect([method, codeOf(error)]).toEqual([method, 'UNAUTHENTICATED']);
        expect(fromStatus(error)).toMatchObject({ reason: 'INVALID_API_KEY' });
      }
    }
    expect(await ask(port, 'grpc.health.v1.Health/Check')).toBeNull();
    expect(handled()).toBe(0);
    const refused = ends.filter(({ reason }) => reason === 'INVALID_API_KEY');
    expect(refused).toHaveLength(3 * (host.methods.length - health(host)));
  });

  it('takes the key whatever the case of its scheme', async () => {
    const { port, handled } = await startHost();
    for (const authorization of ['Bearer k', 'bearer k', 'BEARER  k']) {
      expect(await ask(port, `${NAME}/GetModel`, { authorization })).toBeNull();
    }
    expect(handled()).toBe(3);
  });

  it.each(['longhaul.worker.v1.WorkerService/Nothing', 'a.B/C', 'grpc.health.v1.Health', 'x'])(
    'hears of methods that nobody serves, and tells nothing about them without the key: %s',
    async (method) => {
      const { port, ends } = await startHost();
      expect(codeOf(await ask(port, method))).toBe('UNAUTHENTICATED');
      expect(codeOf(await ask(port, method, { authorization: 'Bearer k' }))).toBe('UNIMPLEMENTED');
      expect(ends.map((end) => [end.method, end.reason])).toEqual([
        ['unmatched', 'INVALID_API_KEY'],
        ['unmatched', 'UNIMPLEMENTED'],
      ]);
    },
  );

  it('refuses before a message is looked at', async () => {
    const { port } = await startHost();
    expect(codeOf(await ask(port, `${NAME}/Generate`, {}, Buffer.alloc(1000, 0xff)))).toBe('UNAUTHENTICATED');
    expect(codeOf(await ask(port, `${NAME}/Generate`, {}, Buffer.alloc(10_000)))).toBe('UNAUTHENTICATED');
  });

  it('hears of every end once: what the library itself refuses included', async () => {
    const { port, ends } = await startHost();
    const headers = { authorization: 'Bearer k' };
    await ask(port, `${NAME}/Generate`, headers);
    await ask(port, `${NAME}/Generate`, headers, Buffer.alloc(1000, 0xff));
    await ask(port, `${NAME}/Generate`, headers, Buffer.alloc(10_000));
    expect(ends.map(({ reason }) => reason)).toEqual(['OK', 'MESSAGE_UNREADABLE', 'RESOURCE_EXHAUSTED']);
  });

  it('ends calls whose message does not come, and gives their places back', async () => {
    const places = { taken: 0, given: 0 };
    const arriving = () => {
      places.taken += 1;
      return { grow: () => undefined, leave: () => void (places.given += 1) };
    };
    const { port, ends } = await startHost({ messageTimeoutMs: 50, arriving });
    openCall(port).write(Buffer.from([0, 0, 0, 15, 255, 1, 2]));
    while (ends.length === 0) await sleep(5);
    expect(ends).toMatchObject([{ reason: 'MESSAGE_TIMEOUT', status: 'DEADLINE_EXCEEDED' }]);
    expect(places.taken).toBe(1);
    expect(places.given).toBeGreaterThan(0);
  });

  it('ends calls whose message has come, but not the end of their sending', async () => {
    const { port, ends, handled } = await startHost({ messageTimeoutMs: 50 });
    const call = openCall(port);
    call.write(EMPTY_MESSAGE);
    await once(call, 'close');
    expect(ends).toMatchObject([{ reason: 'MESSAGE_TIMEOUT' }]);
    expect(handled()).toBe(0);
  });

  it('counts the bytes of a call that is arriving, and takes its place away', async () => {
    const place = watchedPlace();
    const { port, ends } = await startHost({ arriving: place.arriving });
    const call = openCall(port);
    call.write(Buffer.from([0, 0, 0, 15, 255]));
    call.write(Buffer.alloc(1000));
    while (place.seen.bytes < 1005) await sleep(5);
    place.displace();
    while (ends.length === 0) await sleep(5);
    expect(ends).toMatchObject([{ status: 'INTERNAL' }]);
  });

  it('counts what comes after the message, too, until the client has ended its sending', async () => {
    const place = watchedPlace();
    const { port, ends, handled } = await startHost({ arriving: place.arriving });
    const call = openCall(port);
    call.write(EMPTY_MESSAGE);
    while (place.seen.bytes < 5) await sleep(5);
    call.write(Buffer.from([0, 0, 0, 15, 255]));
    call.write(Buffer.alloc(1000));
    while (place.seen.bytes < 1010) await sleep(5);
    expect(place.seen.left).toBe(false);
    place.displace();
    while (ends.length === 0) await sleep(5);
    expect(place.seen.left).toBe(true);
    expect(handled()).toBe(0);
  });

  it('counts a compressed message as what it unpacks to', async () => {
    const place = watchedPlace();
    const { port } = await startHost({ arriving: place.arriving });
    const call = openCall(port, { 'grpc-encoding': 'gzip' });
    const packed = gzipSync(Buffer.alloc(4000));
    call.write(Buffer.concat([Buffer.from([1, 0, 0, 0, packed.length]), packed]));
    while (place.seen.bytes < 4000) await sleep(5);
    expect(packed.length).toBeLessThan(200);
  });

  it('closes the stream of a call that has ended, though the client keeps its own side open', async () => {
    const place = watchedPlace();
    const { port, ends } = await startHost({ arriving: place.arriving });
    const displaced = openCall(port);
    displaced.write(Buffer.from([0, 0, 0, 15, 255, 1, 2]));
    while (place.seen.bytes < 7) await sleep(5);
    const answered = once(displaced, 'response') as Promise<[Record<string, string>]>;
    const closed = once(displaced, 'close');
    place.displace();
    expect((await answered)[0]['grpc-status']).toBe(String(status.INTERNAL));
    await closed;
    expect(displaced.writableEnded).toBe(true);
    const late = openCall(port, { 'grpc-timeout': '50m' });
    late.write(Buffer.from([0, 0, 0, 15, 255, 1, 2]));
    await once(late, 'close');
    expect(ends.map((end) => end.status)).toEqual(['INTERNAL', 'DEADLINE_EXCEEDED']);
  });

  it('runs no call that ends at the very moment at which it has arrived', async () => {
    let displace: () => void = () => undefined;
    const { port, ends, handled } = await startHost({
      arriving(_peer, take) {
        displace = () => take(fromStatus(new Error('displaced')));
        return { grow: () => undefined, leave: () => displace() };
      },
    });
    const call = openCall(port);
    call.end(EMPTY_MESSAGE);
    await once(call, 'close');
    while (ends.length === 0) await sleep(5);
    expect(ends).toMatchObject([{ status: 'INTERNAL' }]);
    expect(handled()).toBe(0);
  });

  it.each(['destroy', 'close'] as const)('leaves no place to a call that is gone before it begins: %s', async (end) => {
    const places = { taken: 0, given: 0 };
    const arriving = () => {
      places.taken += 1;
      let here = true;
      const leave = () => {
        if (here) places.given += 1;
        here = false;
      };
      return { grow: () => undefined, leave };
    };
    const { port } = await startHost({ arriving });
    const take = (message: unknown) => void (message as { stream: ServerHttp2Stream }).stream[end]();
    subscribe('http2.server.stream.start', take);
    closers.push(() => unsubscribe('http2.server.stream.start', take));
    await once(openCall(port), 'close');
    while (places.given < places.taken) await sleep(5);
    expect(places.taken).toBeLessThanOrEqual(1);
  });
});

const EMPTY_MESSAGE = Buffer.alloc(5);

/** A call of Generate whose sending goes on until somebody ends it. */
function openCall(port: number, headers: Record<string, string> = {}): ClientHttp2Stream {
  const session = connect(`http://127.0.0.1:${port}`);
  closers.push(() => session.destroy());
  const pseudo = { ':method': 'POST', ':path': `/${NAME}/Generate`, 'content-type': 'application/grpc' };
  const call = session.request({ ...pseudo, authorization: 'Bearer k', ...headers }, { endStream: false });
  call.on('error', () => undefined);
  call.resume();
  return call;
}

/** Notes what a gate tells of the one call that is arriving. */
function watchedPlace() {
  const seen = { bytes: 0, left: false };
  let displace: () => void = () => undefined;
  const arriving: NonNullable<CallGate['arriving']> = (_peer, take) => {
    displace = () => take(fromStatus(new Error('displaced')));
    return { grow: (bytes) => void (seen.bytes += bytes), leave: () => void (seen.left = true) };
  };
  return { seen, arriving, displace: () => displace() };
}

function health(host: GrpcHost): number {
  return host.methods.filter((method) => method.startsWith('grpc.health.v1.Health/')).length;
}
