import { afterEach, describe, expect, it } from '@jest/globals';
import { connectKvStore, type KvStoreClient } from '@longhaul/kv-client';
import { crc32cTable, type BlockStore } from '@longhaul/kv-core';
import { AppError } from '@longhaul/kernel';
import { FrameKind, FrameSocket } from '@longhaul/kv-wire';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { DataChannelServer } from '@longhaul/kv-transfer';
import { OPEN_GATE } from '../src/adapters/security/capability-gate.js';
import { reasonOf } from './core/store-fixture.js';
import { FlippingProxy, type Flip } from './support/flipping-proxy.js';
import { createMemoryStore, nameOf } from './support/memory-store.js';
import { serve, type ServedStore } from './support/served-store.js';

const namespace = { modelFingerprint: new Uint8Array(32), id: new Uint8Array(32), tenant: 't', deployEpoch: 0 };
const leaseId = new Uint8Array(16);
/** Long enough to begin a put on a busy machine. */
const PUT_MS = 2000;
const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function request(key: Uint8Array, objectBytes: number) {
  return { namespace, key, parentKey: new Uint8Array(32), objectBytes, recomputeMicros: 1, ttlSeconds: 0 };
}

async function put(store: BlockStore, key: Uint8Array, object: Uint8Array): Promise<void> {
  const session = await store.beginPut(request(key, object.length));
  await session.write(0, object);
  await session.commit();
}

async function get(store: BlockStore, key: Uint8Array): Promise<Buffer> {
  const parts: Buffer[] = [];
  let complete = false;
  for await (const frame of store.get({ namespace, leaseId, keys: [key], layerBegin: 0, layerEnd: 1 })) {
    if (frame.kind === 'head' || frame.kind === 'data') parts.push(Buffer.from(frame.bytes));
    if (frame.kind === 'done') complete = frame.blocksOk === 1;
  }
  if (!complete) throw new AppError({ code: 'DATA_LOSS', reason: 'KV_INCOMPLETE', message: 'not complete' });
  return Buffer.concat(parts);
}

async function served(options: Parameters<typeof serve>[1] = {}) {
  const memory = createMemoryStore();
  const service: ServedStore = await serve(memory.store, options);
  closing.push(() => service.close());
  return { ...memory, service };
}

async function proxied(): Promise<{ proxy: FlippingProxy; port: number }> {
  const proxy = new FlippingProxy();
  const port = await proxy.listen();
  closing.push(() => proxy.close());
  return { proxy, port };
}

describe('one bit flipped on the wire', () => {
  /** A put or a get through the proxy. True when the bytes went through whole, false when the transfer failed. */
  async function attempt(client: KvStoreClient, objects: Map<string, Uint8Array>, flip: Flip): Promise<boolean> {
    const object = randomBytes(20_000);
    const key = randomBytes(32);
    if (flip.toServer) {
      const failed = await put(client, key, object).then(
        () => false,
        () => true,
      );
      const stored = objects.get(nameOf(key));
      // Not acknowledged and stored all the same is legal: the answer may have been what was damaged.
      expect(stored === undefined || object.equals(stored)).toBe(true);
      if (!failed) expect(stored).toBeDefined();
      return !failed;
    }
    objects.set(nameOf(key), object);
    const received = await get(client, key).catch(() => null);
    expect(received === null || received.equals(object)).toBe(true);
    return received !== null;
  }

  const deadlines = { putMs: 2_000, getMs: 2_000, controlMs: 5_000 };
  const patient = { putMs: 20_000, getMs: 20_000, controlMs: 20_000 };

  it('is never accepted over gRPC, whose payloads are summed by us', async () => {
    const { service, objects } = await served({ dataChannels: false, frameBytes: 8 * 1024 });
    const { proxy, port } = await proxied();
    const address = `127.0.0.1:${port}`;
    proxy.target = Number(service.address.split(':')[1]);
    for (let i = 0; i < 12; i++) {
      const toServer = i % 2 === 0;
      // Beyond the first bytes of HTTP/2; i of 0 and 1 prove that the way is open.
      const bit = i < 2 ? null : 8 * (1_500 + Math.floor(Math.random() * 18_000)) + (i & 7);
      proxy.flip = { toServer, bit };
      const client = connectKvStore({
        ...{ address, checksum: crc32cTable, transport: 'grpc' },
        deadlines: bit === null ? patient : deadlines,
      });
      const whole = await attempt(client, objects, proxy.flip);
      if (bit === null) expect(whole).toBe(true);
      client.close();
    }
  });

  it('is never accepted over data channels, wherever it is', async () => {
    const { proxy, port: advertisedPort } = await proxied();
    const { service, objects } = await served({ frameBytes: 8 * 1024, advertisedPort, maxChannels: 1024 });
    proxy.target = service.dataPort;
    let whole = 0;
    for (let i = 0; i < 40; i++) {
      const toServer = i % 2 === 0;
      const bit = i < 2 ? null : Math.floor(Math.random() * 8 * 20_000);
      proxy.flip = { toServer, bit };
      const client = service.client({ deadlines: bit === null ? patient : deadlines });
      const passed = await attempt(client, objects, proxy.flip);
      if (bit === null) expect(passed).toBe(true);
      else if (passed) whole++;
      client.close();
    }
    // A hello that was damaged makes the client go on over gRPC; everything else must have failed.
    expect(whole).toBeLessThan(6);
  });
});

describe.each([
  ['gRPC frames', false],
  ['data channels', true],
] as const)('back-pressure over %s', (_name, dataChannels) => {
  it('reads no further from the store than the credit of a consumer that stopped', async () => {
    const { service, objects, trace } = await served({ dataChannels, frameBytes: 2 ** 20 });
    const key = randomBytes(32);
    objects.set(nameOf(key), new Uint8Array(64 * 2 ** 20));
    const client = service.client({ limits: { creditFrames: 4 } });
    const frames = client.get({ namespace, leaseId, keys: [key], layerBegin: 0, layerEnd: 1 });
    const iterator = frames[Symbol.asyncIterator]();
    await iterator.next();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(trace.yielded).toBeLessThanOrEqual(6);
    await iterator.return?.();
    for (let i = 0; i < 100 && trace.gets > 0; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(trace.gets).toBe(0);
    expect(client.transfers).toBe(0);
  });

  it('stops reading when the caller aborts, and aborts a put that is left half done', async () => {
    const { service, objects, trace } = await served({ dataChannels, frameBytes: 2 ** 20 });
    const key = randomBytes(32);
    objects.set(nameOf(key), new Uint8Array(32 * 2 ** 20));
    const client = service.client({ limits: { creditFrames: 2 } });
    const over = new AbortController();
    const reading = (async () => {
      const asked = { namespace, leaseId, keys: [key], layerBegin: 0, layerEnd: 1 };
      for await (const frame of client.get(asked, { signal: over.signal })) if (frame.kind === 'data') over.abort();
    })();
    expect(await reasonOf(reading)).toBe('CANCELLED');
    const stop = new AbortController();
    const session = await client.beginPut(request(randomBytes(32), 1000), { signal: stop.signal });
    await session.write(0, randomBytes(500));
    stop.abort();
    expect(await reasonOf(session.commit())).toBe('CANCELLED');
    for (let i = 0; i < 100 && (trace.gets > 0 || trace.aborted.length === 0); i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(trace.gets).toBe(0);
    expect(trace.aborted).toHaveLength(1);
    expect(client.transfers).toBe(0);
  });

  it('hands the deadline of a put to the store, and ends the put at it', async () => {
    const { service, trace } = await served({ dataChannels });
    const client = service.client();
    const deadlineUnixMs = Date.now() + PUT_MS;
    const session = await client.beginPut(request(randomBytes(32), 1000), { deadlineUnixMs });
    // What is left of it travels, and each end counts on by a clock of its own.
    expect(trace.deadlines).toHaveLength(1);
    expect(Math.abs((trace.deadlines[0] ?? 0) - deadlineUnixMs)).toBeLessThan(PUT_MS);
    await new Promise((resolve) => setTimeout(resolve, PUT_MS + 100));
    expect(await reasonOf(session.commit())).toBe('DEADLINE_EXCEEDED');
    for (let i = 0; i < 100 && trace.aborted.length === 0; i++) await new Promise((r) => setTimeout(r, 20));
    expect(trace.aborted).toHaveLength(1);
  });

  it('refuses more transfers than may wait', async () => {
    const { service } = await served({ dataChannels });
    const client = service.client({ limits: { maxTransfers: 1, maxWaiting: 0 } });
    const session = await client.beginPut(request(randomBytes(32), 10));
    expect(await reasonOf(client.beginPut(request(randomBytes(32), 10)))).toBe('KV_BUSY');
    await session.abort('enough');
    expect((await client.beginPut(request(randomBytes(32), 10))).alreadyPresent).toBe(false);
  });
});

describe('a data channel', () => {
  it('takes a token once', async () => {
    const memory = createMemoryStore();
    const transfer = { store: memory.store, checksum: crc32cTable, maxFrameBytes: 65_536, credit: 4 };
    const server = new DataChannelServer(transfer, {
      ...{ host: '127.0.0.1', port: 0, portFlag: '--data-port', maxChannels: 2, idleTimeoutMs: 2_000, now: Date.now },
    });
    const port = await server.listen();
    closing.push(() => server.close(0));
    const { token } = server.admit(OPEN_GATE.open(undefined));
    expect(await firstAnswer(port, token)).toBe(FrameKind.ready);
    expect(await firstAnswer(port, token)).toBe(FrameKind.failure);
    expect(await firstAnswer(port, randomBytes(32))).toBe(FrameKind.failure);
    server.admit(OPEN_GATE.open(undefined));
    server.admit(OPEN_GATE.open(undefined));
    expect(() => server.admit(OPEN_GATE.open(undefined))).toThrow(/data channels/);
  });
});

async function firstAnswer(port: number, token: Uint8Array): Promise<number | null> {
  const window = { receiveWindowBytes: 2 ** 20, sendWindowBytes: 2 ** 20 };
  const frames = new FrameSocket({ checksum: crc32cTable, maxBodyBytes: 2 ** 20, ...window });
  frames.attach(connect(port, '127.0.0.1'), true);
  await frames.send({ kind: FrameKind.hello, operation: 0, prefix: token, payload: new Uint8Array(0) });
  const answer = await frames.receive().catch(() => null);
  frames.destroy();
  return answer?.kind ?? null;
}

describe('a store that goes away', () => {
  it('costs its callers nothing while it is away, and is found again when it is back', async () => {
    const memory = createMemoryStore();
    const first = await serve(memory.store);
    const client = connectKvStore({
      address: first.address,
      checksum: crc32cTable,
      breaker: { probeMs: 50, maxProbeMs: 100 },
    });
    closing.push(() => client.close());
    const key = randomBytes(32);
    await put(client, key, randomBytes(1000));
    await first.close();
    expect(await reasonOf(client.stat(null))).toMatch(/KV_STORE_UNAVAILABLE|SHUTTING_DOWN/);
    expect(client.state).toBe('open');
    const late = { deadlineUnixMs: Date.now() - 1 };
    // The breaker answers before any deadline is looked at: nothing is sent.
    expect(await reasonOf(client.stat(null, late))).toBe('KV_STORE_UNAVAILABLE');
    const port = Number(first.address.split(':')[1]);
    const second = await serve(memory.store, { port });
    closing.push(() => second.close());
    for (let i = 0; i < 300 && client.state === 'open'; i++) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(client.state).toBe('closed');
    await put(client, randomBytes(32), randomBytes(1000));
    expect((await get(client, key)).length).toBe(1000);
  });
});
