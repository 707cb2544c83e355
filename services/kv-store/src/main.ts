import { runService } from '@longhaul/platform-config';
import { EventLog, startTelemetry } from '@longhaul/platform-otel';
import { kvStoreSettings } from './config.js';
import { startKvStore } from './start-kv-store.js';

await runService({
  name: 'kv-store',
  settings: kvStoreSettings,
  async start(config) {
    const telemetry = startTelemetry({ serviceName: 'longhaul-kv-store' });
    const log = new EventLog('kv-store', config.logLevel);
    const { server, close } = await startKvStore(config, { telemetry, log });
    return {
      ready: () => Promise.resolve(`Longhaul KV store is ready: ${config.host}:${server.grpcPort} (gRPC)`),
      async close() {
        await close();
        await telemetry.shutdown();
      },
    };
  },
});
