// The service as `main` starts it, with a file system under the disk tier that is as slow as its parent says: a message
// `{delayMs}` makes every write and sync wait so long. Its words are those of the service.
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig } from '@longhaul/platform-config';
import { EventLog, startTelemetry } from '@longhaul/platform-otel';
import { nativeFiles } from '../../dist/adapters/disk/index.js';
import { kvStoreSettings, startKvStore } from '../../dist/index.js';

let delayMs = 0;
const slowly = async (work) => {
  if (delayMs > 0) await delay(delayMs);
  return work();
};

/** The file with its writes and syncs held up. */
function slow(file) {
  return {
    path: file.path,
    direct: file.direct,
    readAt: (...words) => file.readAt(...words),
    writeAt: (...words) => slowly(() => file.writeAt(...words)),
    sync: () => slowly(() => file.sync()),
    allocate: (...words) => file.allocate(...words),
    punchHole: (...words) => file.punchHole(...words),
    truncate: (...words) => file.truncate(...words),
    status: () => file.status(),
    close: () => file.close(),
  };
}

const diskFiles = { ...nativeFiles, open: async (...words) => slow(await nativeFiles.open(...words)) };
const config = loadConfig(kvStoreSettings, { argv: process.argv.slice(2), env: {} });
const telemetry = startTelemetry({ serviceName: 'longhaul-kv-store' });
const log = new EventLog('kv-store', config.logLevel);
const { server, close } = await startKvStore(config, { telemetry, log, diskFiles });
process.on('message', (message) => (delayMs = message.delayMs));
process.on('disconnect', async () => {
  await close();
  process.exit(0);
});
process.send({ grpcPort: server.grpcPort, httpPort: server.httpPort });
