import { connectKvStore, type KvClientOptions, type KvStoreClient } from '@longhaul/kv-client';
import { crc32cTable, type BlockStore } from '@longhaul/kv-core';
import { GrpcHost, serverCredentials, type TlsIdentity } from '@longhaul/platform-grpc';
import { DataChannelServer } from '@longhaul/kv-transfer';
import { addKvStoreService } from '../../src/adapters/grpc/kv-store.service.js';
import { OPEN_GATE, type CapabilityGate } from '../../src/adapters/security/capability-gate.js';

export interface ServedOptions {
  readonly gate?: CapabilityGate;
  readonly tls?: TlsIdentity;
  readonly dataChannels?: boolean;
  readonly frameBytes?: number;
  readonly credit?: number;
  readonly stallTimeoutMs?: number;
  readonly maxChannels?: number;
  /** Of data channels, as told to clients. */
  readonly advertisedPort?: number;
  /** Of gRPC; default: a free one. */
  readonly port?: number;
}

export interface ServedStore {
  readonly address: string;
  readonly channels: DataChannelServer | null;
  readonly dataPort: number;
  /** Defects that the service reported. */
  readonly failures: unknown[];
  client(options?: Partial<KvClientOptions>): KvStoreClient;
  close(): Promise<void>;
}

/** A store behind the service on a free port of loopback, and clients of it. */
export async function serve(store: BlockStore, options: ServedOptions = {}): Promise<ServedStore> {
  const failures: unknown[] = [];
  const clients: KvStoreClient[] = [];
  const transfer = {
    store,
    checksum: crc32cTable,
    maxFrameBytes: options.frameBytes ?? 64 * 1024,
    credit: options.credit ?? 8,
  };
  const channels =
    options.dataChannels === false
      ? null
      : new DataChannelServer(transfer, {
          host: '127.0.0.1',
          port: 0,
          portFlag: '--data-port',
          maxChannels: options.maxChannels ?? 32,
          idleTimeoutMs: options.stallTimeoutMs ?? 30_000,
          now: Date.now,
          ...(options.tls ? { tls: options.tls } : {}),
          ...(options.advertisedPort ? { advertisedPort: options.advertisedPort } : {}),
        });
  const dataPort = (await channels?.listen()) ?? 0;
  const host = new GrpcHost({
    maxMessageBytes: 4 * 2 ** 20,
    ...(options.tls ? { credentials: serverCredentials(options.tls) } : {}),
  });
  addKvStoreService(host, {
    ...transfer,
    channels,
    gate: options.gate ?? OPEN_GATE,
    stallTimeoutMs: options.stallTimeoutMs ?? 30_000,
    onFailure: (_method, cause) => failures.push(cause),
  });
  const address = `127.0.0.1:${await host.listen('127.0.0.1', options.port ?? 0)}`;
  host.setServing(true);
  return {
    address,
    channels,
    dataPort,
    failures,
    client(own = {}) {
      const client = connectKvStore({ address, checksum: crc32cTable, ...own });
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) client.close();
      await Promise.all([host.close(500), channels?.close(500)]);
    },
  };
}
