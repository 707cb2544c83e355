import { steadyUnixMs } from '@longhaul/kernel';
import type { BlockStore, Checksum } from '@longhaul/kv-core';
import { DataChannelServer } from '@longhaul/kv-transfer';
import { FRAME_SLACK_BYTES } from '@longhaul/kv-wire';
import { GrpcHost, serverCredentials } from '@longhaul/platform-grpc';
import type { HealthModel } from '@longhaul/platform-health';
import { openOperations } from '@longhaul/platform-http';
import { observe, type EventLog, type Telemetry } from '@longhaul/platform-otel';
import { readAccessPolicy, type AccessPolicy } from './access-policy.js';
import { addKvStoreService } from './adapters/grpc/kv-store.service.js';
import type { KvStoreConfig } from './config.js';

export type KvListenConfig = Pick<
  KvStoreConfig,
  | 'host'
  | 'port'
  | 'grpcPort'
  | 'dataPort'
  | 'dataChannels'
  | 'frameBytes'
  | 'frameCredit'
  | 'tlsCa'
  | 'tlsCert'
  | 'tlsKey'
  | 'capabilityKeys'
  | 'allowInsecure'
  | 'stallTimeoutMs'
  | 'drainTimeoutMs'
>;

/** What a server serves. */
export interface KvServerParts {
  readonly store: BlockStore;
  readonly checksum: Checksum;
  readonly telemetry: Telemetry;
  readonly log: EventLog;
  readonly health: HealthModel;
}

/** A store that listens. */
export interface KvStoreServer {
  readonly grpcPort: number;
  /** 0 without data channels. */
  readonly dataPort: number;
  readonly httpPort: number;
  /** Refuses new calls, lets running ones end within the drain timeout, stops listening. The store stays the caller's. */
  close(): Promise<void>;
}

const HEALTH_POLL_MS = 100;
/** One connection can have a block of 8 MiB under way. */
const FLOW_CONTROL_BYTES = 8 * 2 ** 20;

/**
 * Serves a store over gRPC and data channels, and health and metrics over HTTP.
 *
 * @throws AppError `CONFIG_INVALID`, `TLS_FILE_UNREADABLE`, `ADDRESS_IN_USE` or `LISTEN_FAILED`; nothing is left
 * listening then.
 */
export async function createKvStoreServer(config: KvListenConfig, parts: KvServerParts): Promise<KvStoreServer> {
  const access = readAccessPolicy(config);
  const opened: (() => Promise<void>)[] = [];
  try {
    const channels = config.dataChannels > 0 ? openChannels(config, parts, access) : null;
    const dataPort = channels ? await channels.listen() : 0;
    opened.push(async () => channels?.close(config.drainTimeoutMs));
    const host = openGrpc(config, parts, { access, channels });
    const grpcPort = await host.listen(config.host, config.grpcPort);
    opened.push(() => host.close(config.drainTimeoutMs));
    const http = await openOperations(config, parts);
    opened.push(() => http.close());
    const unpoll = parts.health.poll(HEALTH_POLL_MS);
    const stopGauge = observe('kvDataChannels', () => channels?.open ?? 0);
    return {
      grpcPort,
      dataPort,
      httpPort: http.port,
      async close() {
        stopGauge();
        unpoll();
        parts.health.drain();
        await closeAll(opened);
      },
    };
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

/** What carries calls drains together; HTTP goes last, so that probes see the drain. */
async function closeAll([first, second, ...rest]: readonly (() => Promise<void>)[]): Promise<void> {
  await Promise.all([first?.(), second?.()]);
  for (const close of rest) await close();
}

function openChannels(config: KvListenConfig, parts: KvServerParts, access: AccessPolicy): DataChannelServer {
  return new DataChannelServer(transferParts(config, parts), {
    host: config.host,
    port: config.dataPort,
    portFlag: '--data-port',
    maxChannels: config.dataChannels,
    idleTimeoutMs: config.stallTimeoutMs,
    now: steadyUnixMs,
    ...(access.tls ? { tls: access.tls } : {}),
  });
}

interface GrpcParts {
  access: AccessPolicy;
  channels: DataChannelServer | null;
}

function openGrpc(config: KvListenConfig, parts: KvServerParts, { access, channels }: GrpcParts): GrpcHost {
  const host = new GrpcHost({
    maxMessageBytes: config.frameBytes + FRAME_SLACK_BYTES,
    flowControlWindowBytes: FLOW_CONTROL_BYTES,
    health: parts.health,
    ...(access.tls ? { credentials: serverCredentials(access.tls) } : {}),
  });
  addKvStoreService(host, {
    ...transferParts(config, parts),
    gate: access.gate,
    channels,
    stallTimeoutMs: config.stallTimeoutMs,
    onFailure: (method, cause) => parts.log.failure('call-failed', cause, { method }),
  });
  return host;
}

function transferParts({ frameBytes, frameCredit }: KvListenConfig, { store, checksum }: KvServerParts) {
  return { store, checksum, maxFrameBytes: frameBytes, credit: frameCredit };
}
