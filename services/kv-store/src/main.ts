import { hostname } from 'node:os';
import { runService } from '@longhaul/platform-config';
import { HealthModel } from '@longhaul/platform-health';
import { EventLog, startTelemetry } from '@longhaul/platform-otel';
import { kvStoreSettings } from './config.js';
import { createKvStoreServer } from './kv-store-server.js';
import { openLocalStore } from './open-local-store.js';

await runService({
  name: 'kv-store',
  settings: kvStoreSettings,
  async start(config) {
    const telemetry = startTelemetry({ serviceName: 'longhaul-kv-store' });
    const log = new EventLog('kv-store', config.logLevel);
    const health = new HealthModel();
    const recovered = health.add({ name: 'store', weight: 'readiness' });
    const owner = config.instance ?? `${hostname()}:${config.grpcPort}`;
    const limits = { maxFrameBytes: config.frameBytes, frameCredit: config.frameCredit };
    const local = await openLocalStore(config, { log, owner, health, limits });
    const parts = { store: local.store, checksum: local.checksum, telemetry, log, health };
    const server = await createKvStoreServer(config, parts).catch(async (error: unknown) => {
      await local.close();
      throw error;
    });
    recovered.pass();
    return {
      ready: () => Promise.resolve(`Longhaul KV store is ready: ${config.host}:${server.grpcPort} (gRPC)`),
      async close() {
        await server.close();
        await local.close();
        await telemetry.shutdown();
      },
    };
  },
});
