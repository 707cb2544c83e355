import { afterEach, describe, expect, it } from '@jest/globals';
import { DENSE } from '@longhaul/attention';
import { createWorkerServer, type WorkerServer } from '@longhaul/decode-worker';
import type { GenerationEvent, GenerationRequest } from '@longhaul/inference';
import { EventLog, startTelemetry } from '@longhaul/platform-otel';
import { WorkerBackend } from '@longhaul/router';
import { SCRIPTED_MODEL as MODEL, ScriptedBackend } from '@longhaul/testing';

const log = new EventLog('test', 'silent');
const telemetry = startTelemetry({ serviceName: 'test', env: {} });
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function serve(backend: ScriptedBackend, grpcPort = 0, workerKey?: string): Promise<WorkerServer> {
  const config = {
    host: '127.0.0.1',
    port: 0,
    grpcPort,
    maxMessageBytes: 2 ** 26,
    stallTimeoutMs: 5000,
    drainTimeoutMs: 100,
    ...(workerKey === undefined ? {} : { workerKey }),
  };
  return createWorkerServer(config, { backend, telemetry, log });
}

function dial(worker: WorkerServer, key?: string): WorkerBackend {
  const remote = new WorkerBackend({ address: `127.0.0.1:${worker.grpcPort}`, key, maxMessageBytes: 2 ** 26, log });
  closers.push(() => remote.close());
  return remote;
}

async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function request(overrides: Partial<GenerationRequest> = {}): GenerationRequest {
  return {
    requestId: 'r',
    promptTokenIds: Int32Array.from({ length: 50_000 }, (_, index) => index % 200),
    tenant: 'public',
    cacheSalt: 'x',
    attention: DENSE,
    quality: 'exact',
    n: 2,
    maxTokens: 5,
    sampling: {
      temperature: 0.25,
      topP: 0.5,
      topK: 3,
      minP: 0.125,
      repetitionPenalty: 1.5,
      presencePenalty: -0.5,
      frequencyPenalty: 0.5,
      logitBias: new Map([[7, -1.5]]),
      seed: 2n ** 64n - 1n,
    },
    stop: { strings: ['a', 'b'], tokenIds: [9], includeStopString: true, ignoreEos: true, minTokens: 2 },
    logprobs: 2,
    promptLogprobs: null,
    includeSpecialTokens: true,
    speculation: null,
    priority: -3,
    deadlineMs: null,
    ...overrides,
  };
}

async function eventsOf(stream: AsyncIterable<GenerationEvent>): Promise<GenerationEvent[]> {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

describe('a worker over gRPC', () => {
  it('gets the same request and gives the same events as one in this process', async () => {
    const backend = new ScriptedBackend();
    const worker = await serve(backend);
    closers.push(() => worker.close());
    const remote = dial(worker);
    await eventually(() => remote.load().ready);
    for (const overrides of [{}, { logprobs: null }, { promptTokenIds: Int32Array.of(1, 2, 3), promptLogprobs: 1 }]) {
      const asked = request(overrides);
      const here = await eventsOf(backend.generate(asked, new AbortController().signal));
      const there = await eventsOf(remote.generate(asked, new AbortController().signal));
      expect(there).toEqual(here);
      expect(backend.requests.at(-1)).toEqual(asked);
    }
  });

  it('tells the model and its tokenizer files as they are', async () => {
    const backend = new ScriptedBackend();
    const worker = await serve(backend);
    closers.push(() => worker.close());
    const remote = dial(worker);
    expect(await remote.model()).toEqual(MODEL);
    const files = await remote.tokenizerFiles();
    expect(Buffer.from(files.tokenizerJson).toString()).toBe('{}');
    expect(files.chatTemplate).toBe('bytes');
  });

  it('cancels at the worker when the caller stops reading or aborts', async () => {
    const backend = new ScriptedBackend();
    backend.script.tokenMs = 5;
    const worker = await serve(backend);
    closers.push(() => worker.close());
    const remote = dial(worker);
    for await (const _ of remote.generate(request({ maxTokens: 4000 }), new AbortController().signal)) break;
    await eventually(() => backend.cancelled === 1);
    const controller = new AbortController();
    const reading = eventsOf(remote.generate(request({ maxTokens: 4000 }), controller.signal));
    await eventually(() => backend.running === 1);
    controller.abort();
    await expect(reading).rejects.toMatchObject({ code: 'CANCELLED' });
    await eventually(() => backend.cancelled === 2 && backend.running === 0);
  });

  it('is not ready while it is gone, and ready again when it is back', async () => {
    const backend = new ScriptedBackend();
    const first = await serve(backend);
    const remote = dial(first);
    await eventually(() => remote.load().ready);
    await first.close();
    await eventually(() => !remote.load().ready);
    await expect(eventsOf(remote.generate(request(), new AbortController().signal))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    const second = await serve(backend, first.grpcPort);
    closers.push(() => second.close());
    await eventually(() => remote.load().ready);
    expect((await eventsOf(remote.generate(request(), new AbortController().signal))).at(-1)?.kind).toBe('done');
  });

  it('with a key answers only routers that have it, by every method', async () => {
    const backend = new ScriptedBackend();
    const worker = await serve(backend, 0, 'w');
    closers.push(() => worker.close());
    for (const stranger of [dial(worker), dial(worker, 'x')]) {
      await expect(stranger.model()).rejects.toMatchObject({ reason: 'INVALID_API_KEY' });
      await expect(stranger.tokenizerFiles()).rejects.toMatchObject({ reason: 'INVALID_API_KEY' });
      const events = eventsOf(stranger.generate(request(), new AbortController().signal));
      await expect(events).rejects.toMatchObject({ code: 'UNAUTHENTICATED', reason: 'INVALID_API_KEY' });
      expect(stranger.load().ready).toBe(false);
    }
    expect(backend.requests).toHaveLength(0);
    const known = dial(worker, 'w');
    await eventually(() => known.load().ready);
    expect((await known.model()).id).toBe(MODEL.id);
    const asked = request({ promptTokenIds: Int32Array.of(1) });
    expect((await eventsOf(known.generate(asked, new AbortController().signal))).at(-1)?.kind).toBe('done');
  });
});
