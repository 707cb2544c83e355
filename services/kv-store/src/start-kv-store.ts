import { hostname } from 'node:os';
import { HealthModel } from '@longhaul/platform-health';
import type { EventLog, Telemetry } from '@longhaul/platform-otel';
import type { DiskFiles } from './adapters/disk/index.js';
import type { KvStoreConfig } from './config.js';
import { createKvStoreServer, type KvStoreServer } from './kv-store-server.js';
import { openBlockEvents } from './open-block-events.js';
import { openLocalStore } from './open-local-store.js';

/** The store as a process of its own: tiers, core, block events and servers. */
export interface RunningKvStore {
  readonly server: KvStoreServer;
  readonly health: HealthModel;
  /** Name of this store in its events. */
  readonly owner: string;
  /** Refuses new calls, lets running ones end, finishes writes, sends the last events. */
  close(): Promise<void>;
}

export interface RunningParts {
  readonly telemetry: Telemetry;
  readonly log: EventLog;
  /** As in `LocalStoreParts`. */
  readonly diskFiles?: DiskFiles;
}

/**
 * Starts everything that the configuration names, in the order in which it is needed, and ends it in the opposite one:
 * no call without a core, no event of the core that nobody takes.
 *
 * @throws AppError of the configuration, the disk tier or a port that is taken; nothing is left open then.
 */
export async function startKvStore(config: KvStoreConfig, parts: RunningParts): Promise<RunningKvStore> {
  const { telemetry, log, diskFiles } = parts;
  const health = new HealthModel();
  const recovered = health.add({ name: 'store', weight: 'readiness' });
  const owner = config.instance ?? `${hostname()}:${config.grpcPort}`;
  const limits = { maxFrameBytes: config.frameBytes, frameCredit: config.frameCredit };
  const opened: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const end of opened.splice(0).reverse()) await end();
  };
  try {
    const events = openBlockEvents(config, { log, owner, health });
    if (events) opened.push(() => events.close());
    const extra = { ...(events ? { sink: events.sink } : {}), ...(diskFiles ? { diskFiles } : {}) };
    const local = await openLocalStore(config, { log, owner, health, limits, ...extra });
    opened.push(() => local.close());
    events?.announce(local.store.storeEpoch);
    const server = await createKvStoreServer(config, { ...local, telemetry, log, health });
    opened.push(() => server.close());
    recovered.pass();
    return { server, health, owner, close };
  } catch (error) {
    await close();
    throw error;
  }
}
