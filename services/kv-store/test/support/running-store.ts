import { connectKvStore, type KvStoreClient } from '@longhaul/kv-client';
import { BlockView, type EvictOutcome, type Namespace, QualityClass, FORMAT_MAJOR } from '@longhaul/kv-core';
import { crc32c } from '@longhaul/kv-native';
import { loadConfig } from '@longhaul/platform-config';
import { EventLog, startTelemetry } from '@longhaul/platform-otel';
import { kvStoreSettings, type RunningKvStore, startKvStore } from '../../src/index.js';
import { type Received, receive, type Sample } from '../core/store-fixture.js';

const FREE_PORTS = ['--grpc-port', '0', '--data-port', '0', '--port', '0', '--log-level', 'silent'];
const ALL_LAYERS = { layerBegin: 0, layerEnd: 2 };

/** What `/health` and `/metrics` of a service say. */
export interface Observed {
  readonly checks: Readonly<Record<string, { up: boolean; reason?: string }>>;
  readonly ready: boolean;
  /** The sum of a metric's samples whose labels have all of these. */
  metric(name: string, labels?: string): number;
}

/** The service as `main` starts it, in this process, and a client of it. */
export class StoreUnderTest {
  private constructor(
    readonly service: RunningKvStore,
    readonly client: KvStoreClient,
  ) {}

  static async start(...flags: string[]): Promise<StoreUnderTest> {
    const config = loadConfig(kvStoreSettings, { argv: [...FREE_PORTS, ...flags], env: {} });
    const telemetry = startTelemetry({ serviceName: 'longhaul-kv-store' });
    const service = await startKvStore(config, { telemetry, log: new EventLog('kv-store', config.logLevel) });
    const client = connectKvStore({ address: `127.0.0.1:${service.server.grpcPort}`, checksum: crc32c });
    return new StoreUnderTest(service, client);
  }

  greet(namespace: Namespace) {
    return this.client.handshake({ namespace, formatVersions: [FORMAT_MAJOR], codecs: [0], workerId: 'test' });
  }

  async put(namespace: Namespace, samples: readonly Sample[]): Promise<void> {
    for (const { key, parentKey, object, recomputeMicros } of samples) {
      const request = { namespace, key, parentKey, objectBytes: object.length, recomputeMicros, ttlSeconds: 0 };
      const put = await this.client.beginPut(request);
      await put.write(0, object);
      await put.commit();
    }
  }

  /** Looks a chain up, gets what matched and compares every byte. */
  async get(namespace: Namespace, samples: readonly Sample[]): Promise<Received> {
    const keys = samples.map(({ key }) => key);
    const match = await this.client.lookupPrefix({ namespace, keys, minQuality: QualityClass.sparse, leaseMs: 10_000 });
    const { leaseId, matchedBlocks } = match;
    if (matchedBlocks === 0) throw new Error('nothing matched');
    const found = keys.slice(0, matchedBlocks);
    const received = await receive(this.client.get({ namespace, leaseId, keys: found, ...ALL_LAYERS }), samples);
    await this.client.releaseLease(leaseId);
    return received;
  }

  evict(namespace: Namespace, samples: readonly Sample[]): Promise<EvictOutcome> {
    return this.client.evict({ namespace, what: { kind: 'keys', keys: samples.map(({ key }) => key) } });
  }

  /** What the store itself says that it has, over gRPC. */
  async view(namespace: Namespace): Promise<{ view: BlockView; next: bigint; epoch: bigint }> {
    const view = new BlockView();
    let place = { next: 0n, epoch: 0n };
    for await (const { events, firstSequence: next, storeEpoch: epoch } of this.client.snapshot(namespace)) {
      for (const event of events) view.apply(event);
      place = { next, epoch };
    }
    return { view, ...place };
  }

  async observed(): Promise<Observed> {
    const base = `http://127.0.0.1:${this.service.server.httpPort}`;
    const health = await fetch(`${base}/health`);
    const { checks } = (await health.json()) as { checks: Observed['checks'] };
    const text = await (await fetch(`${base}/metrics`)).text();
    return { checks, ready: health.ok, metric: (name, labels = '') => sumOf(text, name, labels) };
  }

  async close(): Promise<void> {
    this.client.close();
    await this.service.close();
  }
}

function sumOf(text: string, name: string, labels: string): number {
  const wanted = labels === '' ? [] : labels.split(',');
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  const matching = lines.filter((line) => wanted.every((label) => line.includes(label)));
  return matching.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
