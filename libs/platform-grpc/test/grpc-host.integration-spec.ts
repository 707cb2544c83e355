import { Client, credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from '@jest/globals';
import { workerV1 } from '@longhaul/contracts';
import { AppError } from '@longhaul/kernel';
import { HealthModel } from '@longhaul/platform-health';
import { service as healthService } from 'grpc-health-check';
import { setTimeout as sleep } from 'node:timers/promises';
import { callServerStream, callUnary, GrpcHost, serverStream, unary, type CallContext } from '../src/index.js';

const NAME = 'longhaul.worker.v1.WorkerService';
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type Work = (call: CallContext) => Promise<unknown>;

/** A host with one service: `getModel` waits for `work`, `generate` streams until it is ended, `watchLoad` never ends. */
async function startHost(work: Work = () => Promise.resolve()) {
  const health = new HealthModel();
  const model = health.add({ name: 'model', weight: 'readiness' });
  const host = new GrpcHost({ maxMessageBytes: 2 ** 20, health });
  async function* ticks(): AsyncGenerator<workerV1.Load, void> {
    for (;;) {
      yield { ready: true, running: 0, waiting: 0, kvUsage: 0 };
      await sleep(5);
    }
  }
  host.addService(NAME, workerV1.WorkerServiceService, {
    getModel: unary(async (_: workerV1.GetModelRequest, call) => {
      await work(call);
      return workerV1.GetModelResponse.create();
    }),
    getTokenizer: serverStream(() => ticks(), { stallTimeoutMs: 1000 }),
    generate: serverStream(() => ticks(), { stallTimeoutMs: 1000 }),
    watchLoad: serverStream(() => ticks(), { stallTimeoutMs: 1000, endless: true }),
  } as unknown as workerV1.WorkerServiceServer);
  const address = `127.0.0.1:${await host.listen('127.0.0.1', 0)}`;
  const client = new workerV1.WorkerServiceClient(address, credentials.createInsecure());
  closers.push(
    () => host.close(0),
    () => client.close(),
  );
  return { host, health, model, address, client };
}

/** A health client made from the service definition, as any gRPC library would. */
function healthClient(address: string) {
  const packageOf = loadPackageDefinition({ 'grpc.health.v1.Health': healthService } as never) as never as {
    grpc: { health: { v1: { Health: new (address: string, credentials: unknown) => Client } } };
  };
  const client = new packageOf.grpc.health.v1.Health(address, credentials.createInsecure());
  closers.push(() => client.close());
  return client as unknown as {
    check(request: object, done: (error: Error | null, reply: { status: string }) => void): void;
    watch(
      request: object,
    ): AsyncIterable<{ status: string }> & { cancel(): void; on(event: string, f: () => void): void };
  };
}

function check(client: ReturnType<typeof healthClient>, service: string): Promise<string> {
  return new Promise((resolve, reject) =>
    client.check({ service }, (error, reply) => (error ? reject(error) : resolve(reply.status))),
  );
}

async function failure(call: Promise<unknown>): Promise<AppError> {
  return call.then(
    () => Promise.reject(new Error('the call ended well')),
    (error: unknown) => AppError.from(error),
  );
}

async function drainStream(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

function getModel(client: workerV1.WorkerServiceClient, deadlineMs: number | null = null, signal?: AbortSignal) {
  return callUnary<workerV1.GetModelResponse>(
    (metadata, options, done) => client.getModel({}, metadata, options, done),
    {
      deadlineMs,
      ...(signal ? { signal } : {}),
    },
  );
}

describe('gRPC health', () => {
  it('follows the health model, by service and by probe', async () => {
    const { model, health, address } = await startHost();
    const client = healthClient(address);
    expect(await check(client, NAME)).toBe('NOT_SERVING');
    expect(await check(client, 'liveness')).toBe('SERVING');
    model.pass();
    for (const service of ['', 'readiness', NAME]) expect(await check(client, service)).toBe('SERVING');
    health.add({ name: 'stuck', weight: 'liveness' }).fail('stuck');
    for (const service of ['', 'liveness', NAME]) expect(await check(client, service)).toBe('NOT_SERVING');
    await expect(check(client, 'unknown.Service')).rejects.toMatchObject({ code: 5 });
  });

  it('tells a watcher of every change, the drain included', async () => {
    const { host, model, health, address } = await startHost();
    model.pass();
    const watch = healthClient(address).watch({ service: NAME });
    watch.on('error', () => undefined);
    const told: string[] = [];
    for await (const { status } of watch) {
      told.push(status);
      if (told.length === 1) model.fail('gone');
      if (told.length === 2) model.pass();
      if (told.length === 3) health.drain();
      if (told.length === 4) break;
    }
    expect(told).toEqual(['SERVING', 'NOT_SERVING', 'SERVING', 'NOT_SERVING']);
    expect(host.runningCalls).toBe(0);
  });

  it('does not hold up the end of a server that has nothing else to do', async () => {
    const { host, model, address } = await startHost();
    model.pass();
    const watch = healthClient(address).watch({ service: '' });
    watch.on('error', () => undefined);
    for await (const { status } of watch) {
      expect(status).toBe('SERVING');
      break;
    }
    const open = healthClient(address).watch({ service: '' });
    open.on('error', () => undefined);
    await check(healthClient(address), '');
    await host.close(600_000);
  });
});

describe('deadlines and cancellation', () => {
  it('reach the handler, and come back under their own names', async () => {
    const seen = { entered: 0, aborted: [] as string[] };
    const { client } = await startHost(
      (call) =>
        new Promise((_, reject) => {
          seen.entered += 1;
          call.signal.addEventListener('abort', () => {
            seen.aborted.push(AppError.from(call.signal.reason).reason);
            reject(new Error('whatever the work throws then'));
          });
        }),
    );
    // A short deadline can pass on a busy machine before the call has arrived: it is the client then who ends it.
    for (let milliseconds = 50; seen.entered === 0; milliseconds *= 2) {
      expect(await failure(getModel(client, Date.now() + milliseconds))).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    }
    while (seen.aborted.length < 1) await sleep(5);
    const controller = new AbortController();
    const call = failure(getModel(client, null, controller.signal));
    while (seen.entered < 2) await sleep(5);
    controller.abort();
    expect(await call).toMatchObject({ code: 'CANCELLED' });
    while (seen.aborted.length < 2) await sleep(5);
    expect(seen.aborted).toEqual(['DEADLINE_EXCEEDED', 'CANCELLED']);
  });
});

describe('draining', () => {
  it('lets a running call end and refuses new ones', async () => {
    let finish = () => undefined as void;
    const { host, client } = await startHost(() => new Promise<void>((resolve) => (finish = resolve)));
    const running = getModel(client);
    while (host.runningCalls === 0) await sleep(5);
    const closed = host.close(600_000);
    expect(await failure(getModel(client))).toMatchObject({ code: 'UNAVAILABLE' });
    finish();
    expect(await running).toBeDefined();
    await closed;
  });

  it('ends what outlives the limit with a clear error, and endless streams at once', async () => {
    const { host, client } = await startHost();
    const endless = failure(drainStream(callServerStream((m, o) => client.watchLoad({}, m, o), {})));
    const request = workerV1.GenerateRequest.create();
    const stubborn = failure(drainStream(callServerStream((m, o) => client.generate(request, m, o), {})));
    while (host.runningCalls < 2) await sleep(5);
    const closed = host.close(100);
    expect(await endless).toMatchObject({ code: 'UNAVAILABLE', reason: 'SHUTTING_DOWN', retry: 'other' });
    expect(host.runningCalls).toBe(1);
    expect(await stubborn).toMatchObject({ code: 'UNAVAILABLE', reason: 'SHUTTING_DOWN' });
    await closed;
  });
});
