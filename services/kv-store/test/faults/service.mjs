import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { connectKvStore } from '@longhaul/kv-client';
import { crc32c } from '@longhaul/kv-native';

const HOST = fileURLToPath(new URL('./service-host.mjs', import.meta.url));
const FREE_PORTS = ['--grpc-port', '0', '--data-port', '0', '--port', '0', '--log-level', 'fatal'];

/** A process of the service, and a client of it. */
export class Service {
  static async start(flags) {
    const service = new Service();
    const words = [...withoutPrivileges(), process.execPath, HOST, ...FREE_PORTS, ...flags];
    service.child = spawn(words[0], words.slice(1), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    service.ended = new Promise((resolve) => service.child.once('exit', resolve));
    const early = service.ended.then(() => Promise.reject(new Error('the service ended')));
    early.catch(() => undefined);
    const ready = new Promise((resolve) => service.child.once('message', resolve));
    const { grpcPort, httpPort } = await Promise.race([ready, early]);
    service.httpPort = httpPort;
    service.client = connectKvStore({ address: `127.0.0.1:${grpcPort}`, checksum: crc32c });
    return service;
  }

  get pid() {
    return this.child.pid;
  }

  /** How long every write and sync of the disk waits. */
  slowDisk(delayMs) {
    this.child.send({ delayMs });
  }

  async checks() {
    const answer = await fetch(`http://127.0.0.1:${this.httpPort}/health`);
    return { ready: answer.ok, ...(await answer.json()) };
  }

  /** The sum of a metric's samples that have these labels. */
  async metric(name, labels = '') {
    const text = await (await fetch(`http://127.0.0.1:${this.httpPort}/metrics`)).text();
    return text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => labels.split(',').every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  async stop() {
    this.client.close();
    if (this.child.connected) this.child.disconnect();
    await this.ended;
  }
}

/** Root may write where nobody may: for the service to meet a read-only directory, root goes without that right. */
function withoutPrivileges() {
  if (process.getuid?.() !== 0) return [];
  const words = ['setpriv', '--bounding-set=-dac_override', '--'];
  return spawnSync(words[0], [...words.slice(1), 'true']).status === 0 ? words : [];
}
