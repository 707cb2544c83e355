import { randomBytes } from 'node:crypto';
import { systemClock } from '@longhaul/kernel';
import { crc32cTable, type Checksum } from '@longhaul/kv-core';
import { crc32c } from '@longhaul/kv-native';
import type { HealthModel } from '@longhaul/platform-health';
import type { EventLog } from '@longhaul/platform-otel';
import { openDiskTier, type DiskFiles, type DiskTier } from './adapters/disk/index.js';
import { meteredStore } from './adapters/metrics/metered-store.js';
import { observeWritable } from './adapters/metrics/observe-writable.js';
import { timedStore } from './adapters/metrics/timed-store.js';
import { openObjectTier, type ObjectTier } from './adapters/object/index.js';
import type { StoreConfig } from './config.js';
import { createStoreCore } from './core/create-store-core.js';
import type { TierState } from './core/tiers/index.js';
import type { EventSink } from './core/ports.js';
import type { StoreCore } from './core/store-core.js';
import type { LowerTier, StoreLimits, WriteMode } from './core/store-options.js';
import { DiskWatch } from './disk-watch.js';
import { readTenantQuotas } from './tenant-quotas.js';

/** The store in this process: what the service serves, and what embedded calls directly. */
export interface LocalStore {
  readonly store: StoreCore;
  /** CRC32C: native, or from tables where the addon is not built. */
  readonly checksum: Checksum;
  /** Finishes writes under way and closes the tiers. */
  close(): Promise<void>;
}

export interface LocalStoreParts {
  readonly log: EventLog;
  /** Who publishes the block events. */
  readonly owner: string;
  /** Gets a check per lower tier, for information: a store without its disk still serves from memory. */
  readonly health?: HealthModel;
  readonly sink?: EventSink;
  readonly limits?: Partial<StoreLimits>;
  /** File system of the disk tier; default: this machine's. Trials of slow disks put themselves in between. */
  readonly diskFiles?: DiskFiles;
}

/**
 * Opens the tiers, puts the core over them and finds again what they keep.
 *
 * @throws AppError of the configuration or the disk tier; everything is closed again then.
 */
export async function openLocalStore(config: StoreConfig, parts: LocalStoreParts): Promise<LocalStore> {
  const checksum = pickChecksum(parts.log);
  const tenants = readTenantQuotas(config);
  const disk = await openDisk(config, checksum, parts);
  const object = await openObjectTier(config, { checksum }).catch(async (error: unknown) => {
    await disk?.close();
    throw error;
  });
  const metrics = meteredStore();
  const store = createStoreCore({
    owner: parts.owner,
    ramBytes: config.kvRamBytes,
    lower: lowerTiers(config, disk, object),
    clock: systemClock,
    checksum,
    random: randomBytes,
    limits: { maxBlocks: config.kvMaxBlocks, ...parts.limits },
    tenants,
    waitForDurable: config.kvSync === 'commit',
    observer: metrics,
    ...(parts.sink ? { sink: parts.sink } : {}),
  });
  if (parts.health) for (const tier of store.tiers) observeTier(parts.health, tier);
  const stopGauges = observeWritable(store.tiers);
  const close = async () => {
    await store.close();
    metrics.close();
    stopGauges();
  };
  await store.start().catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return { store: timedStore(store), checksum, close };
}

function pickChecksum(log: EventLog): Checksum {
  try {
    crc32c(new Uint8Array(1));
    return crc32c;
  } catch (error) {
    log.warning('native-checksum-missing', { why: error instanceof Error ? error.message : String(error) });
    return crc32cTable;
  }
}

async function openDisk(
  config: StoreConfig,
  checksum: Checksum,
  { log, health, diskFiles }: LocalStoreParts,
): Promise<DiskTier | null> {
  if (config.kvDir === undefined) return null;
  const watch = new DiskWatch(log);
  const disk = await openDiskTier({
    directory: config.kvDir,
    limitBytes: config.kvMaxBytes,
    syncIntervalMs: config.kvSyncIntervalMs,
    scrubPerHour: config.kvScrubPerHour / 100,
    // The default also computes long ones off this thread.
    ...(checksum === crc32c ? {} : { checksum }),
    ...(diskFiles ? { files: diskFiles } : {}),
    onEvent: (event) => watch.on(event),
  });
  if (health) watch.observe(health);
  return disk;
}

function lowerTiers(config: StoreConfig, disk: DiskTier | null, object: ObjectTier | null): LowerTier[] {
  const tiers: LowerTier[] = [];
  if (disk) tiers.push({ tier: disk, write: writeMode(config.kvDiskAfterHits) });
  if (object) tiers.push({ tier: object, write: writeMode(config.kvObjectAfterHits) });
  return tiers;
}

function writeMode(afterHits: number): WriteMode {
  return afterHits === 0 ? { kind: 'write_through' } : { kind: 'write_through_selective', afterHits };
}

function observeTier(health: HealthModel, tier: TierState): void {
  health.observe({ name: `${tier.name}-tier`, weight: 'information', dependency: true }, () => {
    const { writable, readable, reason } = tier.health;
    return { up: writable && readable, reason };
  });
}
