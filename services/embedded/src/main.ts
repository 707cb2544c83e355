import { runService } from '@longhaul/platform-config';
import { embeddedSettings } from './config.js';
import { createEmbeddedServer, readyLine } from './embedded-server.js';

await runService({
  name: 'longhaul',
  settings: embeddedSettings,
  async start(config) {
    const server = await createEmbeddedServer(config);
    return {
      failed: server.local.failed,
      ready: () => Promise.resolve(readyLine(server)),
      close: () => server.close(),
    };
  },
});
