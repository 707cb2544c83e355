// The store of bit-flips.mjs: the real core behind the real service in this process, clients through loopback, and what
// the core's metrics counted. The core can be replaced under a running service.
import { randomBytes } from 'node:crypto';
import { systemClock } from '@longhaul/kernel';
import { FORMAT_MAJOR } from '@longhaul/kv-core';
import { connectKvStore } from '@longhaul/kv-client';
import { crc32c } from '@longhaul/kv-native';
import { GrpcHost } from '@longhaul/platform-grpc';
import { DataChannelServer } from '@longhaul/kv-transfer';
import { openDiskTier } from '../../dist/adapters/disk/index.js';
import { addKvStoreService } from '../../dist/adapters/grpc/kv-store.service.js';
import { OPEN_GATE } from '../../dist/adapters/security/capability-gate.js';
import { createStoreCore } from '../../dist/index.js';
import { namespace } from './flip-blocks.mjs';

/** Counters of the core that say that something was refused. */
const DAMAGE = new Set(['corrupt_blocks', 'recovery_skipped', 'puts_failed', 'gets_failed']);
/** Events of the disk tier that do. */
const DISK_DAMAGE = new Set(['damage', 'quarantined', 'set_aside']);

export class FlipStore {
  core = null;
  /** Damage that was counted since the core was opened. */
  counted = 0;
  #host = new GrpcHost({ maxMessageBytes: 4 << 20 });
  #channels = null;
  #clients = new Set();
  grpcPort = 0;
  dataPort = 0;

  async listen(advertisedPort) {
    // What the service calls goes to the core of the moment.
    const store = new Proxy(
      {},
      {
        get:
          (_, name) =>
          (...given) =>
            this.core[name](...given),
      },
    );
    const transfer = { store, checksum: crc32c, maxFrameBytes: 64 * 1024, credit: 8 };
    const place = {
      host: '127.0.0.1',
      port: 0,
      portFlag: '--data-port',
      maxChannels: 4096,
      idleTimeoutMs: 30_000,
      now: Date.now,
    };
    this.#channels = new DataChannelServer(transfer, advertisedPort ? { ...place, advertisedPort } : place);
    this.dataPort = await this.#channels.listen();
    const service = { gate: OPEN_GATE, channels: this.#channels, stallTimeoutMs: 30_000, onFailure: () => undefined };
    addKvStoreService(this.#host, { ...transfer, ...service });
    this.grpcPort = await this.#host.listen('127.0.0.1', 0);
    this.#host.setServing(true);
  }

  /** A fresh core, over a directory where one is given. Memory takes few blocks then: reads are of the disk. */
  async open(directory) {
    await this.core?.close();
    this.counted = 0;
    const lower = directory ? [{ tier: await this.#openDisk(directory), write: { kind: 'write_through' } }] : [];
    this.core = createStoreCore({
      ...{ owner: 'bit-flips', ramBytes: directory ? 100_000 : 64 << 20, lower, checksum: crc32c },
      clock: systemClock,
      random: (length) => Uint8Array.from(randomBytes(length)),
      observer: {
        counted: (name, amount) => (this.counted += DAMAGE.has(name) ? amount : 0),
        measured: () => undefined,
      },
      waitForDurable: true,
    });
    await this.core.start();
    await this.core.handshake({ namespace, formatVersions: [FORMAT_MAJOR], codecs: [0], workerId: 'bit-flips' });
  }

  #openDisk(directory) {
    return openDiskTier({
      ...{ directory, limitBytes: 64 << 20, segmentBytes: 256 << 10, preallocateBytes: 128 << 10 },
      ...{ syncIntervalMs: 0, scrubPerHour: 0 },
      onEvent: (event) => {
        const found = event.kind === 'recovered' ? event.report : null;
        const lost = found && (found.damagedCheckpoints > 0 || found.lostRecords > 0 || found.tornTail);
        if (DISK_DAMAGE.has(event.kind) || lost) this.counted += 1;
      },
    });
  }

  /** A client of its own connections. */
  client(options = {}) {
    const deadlines = { controlMs: 60_000, putMs: 60_000, getMs: 60_000 };
    const client = connectKvStore({ address: `127.0.0.1:${this.grpcPort}`, checksum: crc32c, deadlines, ...options });
    this.#clients.add(client);
    return client;
  }

  async close() {
    for (const client of this.#clients) client.close();
    await Promise.all([this.#host.close(500), this.#channels.close(500)]);
    await this.core.close();
  }
}
