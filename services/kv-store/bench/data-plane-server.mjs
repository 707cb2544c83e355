// The other process of data-plane.mjs: a store in memory, and a port that copies bytes.
import { createServer } from 'node:net';
import { HealthModel } from '@longhaul/platform-health';
import { EventLog } from '@longhaul/platform-otel';
import { loadConfig } from '@longhaul/platform-config';
import { createKvStoreServer, kvStoreSettings, openLocalStore } from '../dist/index.js';

const WRITE_BYTES = 1 << 20;
const argv = ['--grpc-port', '0', '--data-port', '0', '--port', '0', '--kv-ram-bytes', '1GiB'];
const config = loadConfig(kvStoreSettings, { argv, env: {} });
const log = new EventLog('kv-store', 'warn');
const health = new HealthModel();
const telemetry = { metricsText: () => Promise.resolve(''), shutdown: () => Promise.resolve() };
const local = await openLocalStore(config, { log, owner: 'bench', health });
const server = await createKvStoreServer(config, { ...local, telemetry, log, health });

/** First byte 1: count what comes. 2: send as many bytes. */
const plain = createServer({ noDelay: true }, (socket) => {
  let wanted = 0;
  let got = 0;
  socket.on('error', () => undefined);
  socket.on('data', (bytes) => {
    if (wanted > 0) {
      got += bytes.length;
    } else {
      wanted = bytes.readDoubleLE(1);
      if (bytes[0] === 2) void send(socket, wanted);
      else got = bytes.length - 9;
    }
    if (got >= wanted) socket.write('.');
  });
});

/** What the plain copy sends: as much memory as the blocks have, not one buffer that stays in the processor's cache. */
let objects = Buffer.alloc(0);

async function send(socket, total) {
  if (objects.length < total) objects = Buffer.alloc(total, 7);
  for (let sent = 0; sent < total && !socket.destroyed; sent += WRITE_BYTES) {
    if (!socket.write(objects.subarray(sent, Math.min(total, sent + WRITE_BYTES))))
      await new Promise((drained) => socket.once('drain', drained));
  }
}

plain.listen(0, '127.0.0.1', () => process.send({ grpcPort: server.grpcPort, tcpPort: plain.address().port }));
process.on('disconnect', async () => {
  await server.close();
  await local.close();
  process.exit(0);
});
