import { credentials, makeGenericClientConstructor, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from '@jest/globals';
import { workerV1 } from '@longhaul/contracts';
import type { AppError } from '@longhaul/kernel';
import { connect } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
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
    const session = connect(`http://127.0.0.1:${port}`);
    closers.push(() => session.destroy());
    const call = session.request(
      {
        ':method': 'POST',
        ':path': `/${NAME}/Generate`,
        'content-type': 'application/grpc',
        authorization: 'Bearer k',
      },
      { endStream: false },
    );
    call.on('error', () => undefined);
    call.write(Buffer.from([0, 0, 0, 15, 255, 1, 2]));
    while (ends.length === 0) await sleep(5);
    expect(ends).toMatchObject([{ reason: 'MESSAGE_TIMEOUT', status: 'DEADLINE_EXCEEDED' }]);
    expect(places.taken).toBe(1);
    expect(places.given).toBeGreaterThan(0);
  });

  it('counts the bytes of a call that is arriving, and takes its place away', async () => {
    let arrived = 0;
    let displace: (error: AppError) => void = () => undefined;
    const { port, ends } = await startHost({
      arriving: (_peer, take) => {
        displace = take;
        return { grow: (bytes) => void (arrived += bytes), leave: () => undefined };
      },
    });
    const session = connect(`http://127.0.0.1:${port}`);
    closers.push(() => session.destroy());
    const path = `/${NAME}/Generate`;
    const call = session.request(
      { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', authorization: 'Bearer k' },
      { endStream: false },
    );
    call.on('error', () => undefined);
    call.write(Buffer.from([0, 0, 0, 15, 255]));
    call.write(Buffer.alloc(1000));
    while (arrived < 1005) await sleep(5);
    displace(fromStatus(new Error('displaced')));
    while (ends.length === 0) await sleep(5);
    expect(ends).toMatchObject([{ status: 'INTERNAL' }]);
  });
});

function health(host: GrpcHost): number {
  return host.methods.filter((method) => method.startsWith('grpc.health.v1.Health/')).length;
}
