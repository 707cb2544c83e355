import { runService } from '@longhaul/platform-config';
import { EventLog, startTelemetry } from '@longhaul/platform-otel';
import { openTenants } from './adapters/tenants/open-tenants.js';
import { tokenizerCodecs } from './adapters/tokenizer/tokenizer-codec.js';
import { WorkerBackend } from './adapters/worker/worker-backend.js';
import { routerSettings } from './config.js';
import { createRouterServer } from './router-server.js';
import { packageVersion } from './version.js';

await runService({
  name: 'router',
  settings: routerSettings,
  async start(config) {
    const tenants = openTenants(config);
    const telemetry = startTelemetry({ serviceName: 'longhaul-router' });
    const log = new EventLog('router', config.logLevel);
    const backend = new WorkerBackend({
      address: config.worker,
      key: config.workerKey,
      maxMessageBytes: config.maxBodyBytes,
      log,
    });
    const version = packageVersion();
    const server = await createRouterServer(config, {
      backend,
      createCodec: tokenizerCodecs(config),
      telemetry,
      log,
      version,
      tenants,
    });
    return {
      ready: async () => ((await server.whenReady()) ? `Longhaul router is ready: ${server.url}` : null),
      async close() {
        await server.close();
        await backend.close();
        await telemetry.shutdown();
      },
    };
  },
});
