import { openLocalEngine, type LocalEngine } from '@longhaul/decode-worker';
import { HealthModel } from '@longhaul/platform-health';
import { EventLog, startTelemetry } from '@longhaul/platform-otel';
import { createRouterServer, openTenants, tokenizerCodecs, type RouterServer } from '@longhaul/router';
import type { EmbeddedConfig } from './config.js';
import { openStore } from './open-store.js';
import { packageVersion } from './version.js';

/** Router and worker in this process, serving. */
export interface EmbeddedServer {
  /** `http://host:port` of the OpenAI-compatible API. */
  url: string;
  httpPort: number;
  grpcPort: number | null;
  /** The engine behind it, for diagnosis and tests. */
  local: LocalEngine;
  router: RouterServer;
  /** Refuses new requests, lets running ones end within the drain timeout, frees everything. */
  close(): Promise<void>;
}

/**
 * Loads the model package and serves it. Resolves when requests are welcome.
 *
 * @throws AppError of the package, the addon, the configuration or a port in use; everything is freed again then.
 */
export async function createEmbeddedServer(config: EmbeddedConfig): Promise<EmbeddedServer> {
  const createCodec = tokenizerCodecs(config);
  const tenants = openTenants(config);
  const log = new EventLog('embedded', config.logLevel);
  const telemetry = startTelemetry({ serviceName: 'longhaul' });
  const health = new HealthModel();
  const store = await openStore(config, log, health);
  const local = await openLocalEngine(config, log, { health, store }).catch(async (error: unknown) => {
    await store?.close();
    throw error;
  });
  const router = await createRouterServer(config, {
    backend: local.backend,
    createCodec,
    telemetry,
    log,
    version: packageVersion(),
    health,
    tenants,
  }).catch(async (error: unknown) => {
    await local.close();
    await store?.close();
    throw error;
  });
  const close = async () => {
    await router.close();
    await local.close();
    await store?.close();
  };
  await router.whenReady().catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return {
    url: router.url,
    httpPort: router.httpPort,
    grpcPort: router.grpcPort,
    local,
    router,
    close,
  };
}

/** What a user is told once requests are welcome: the model, and where the APIs are. */
export function readyLine({ local, url, grpcPort }: EmbeddedServer): string {
  const grpc = grpcPort === null ? '' : ` and ${new URL(url).hostname}:${grpcPort} (gRPC)`;
  return `Longhaul is ready: ${local.info.id} at ${url}${grpc}`;
}
