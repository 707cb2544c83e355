import { runService } from '@longhaul/platform-config';
import { embeddedSettings } from './config.js';
import { createEmbeddedServer } from './embedded-server.js';

await runService({
  name: 'longhaul',
  settings: embeddedSettings,
  async start(config) {
    const server = await createEmbeddedServer(config);
    return {
      failed: server.local.failed,
      ready: () => Promise.resolve(`Longhaul is ready: ${server.local.info.id} at ${server.url}`),
      close: () => server.close(),
    };
  },
});
