import { runService } from '@longhaul/platform-config';
import { HealthModel } from '@longhaul/platform-health';
import { EventLog, startTelemetry } from '@longhaul/platform-otel';
import { connectStore } from './adapters/store/remote-store.js';
import { workerSettings } from './config.js';
import { openLocalEngine } from './local-engine.js';
import { createWorkerServer } from './worker-server.js';

await runService({
  name: 'decode-worker',
  settings: workerSettings,
  async start(config) {
    const telemetry = startTelemetry({ serviceName: 'longhaul-decode-worker' });
    const log = new EventLog('decode-worker', config.logLevel);
    const health = new HealthModel();
    const store = connectStore(config);
    const local = await openLocalEngine(config, log, { health, store });
    const server = await createWorkerServer(config, { backend: local.backend, telemetry, log, health });
    return {
      failed: local.failed,
      ready: () =>
        Promise.resolve(
          `Longhaul decode worker is ready: ${local.info.id} at ${config.host}:${server.grpcPort} (gRPC)`,
        ),
      async close() {
        await Promise.all([local.drain(config.drainTimeoutMs), server.close()]);
        await local.close();
        await store?.close();
        await telemetry.shutdown();
      },
    };
  },
});
