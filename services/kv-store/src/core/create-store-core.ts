import { PrefixIndex, TIERS } from '@longhaul/kv-core';
import { invalidArgument } from '@longhaul/kernel';
import { EventLog } from './event-log.js';
import { Evictor } from './evictor.js';
import { GuardedTier } from './guarded-tier.js';
import { LeaseTable } from './lease-table.js';
import { Namespaces } from './namespaces.js';
import { Pins } from './pins.js';
import { SILENT_OBSERVER } from './ports.js';
import { RamTier } from './ram-tier.js';
import { Residence } from './residence.js';
import { KvStoreCore, type StoreCore } from './store-core.js';
import { completeLimits, type LowerTier, type StoreCoreOptions, UNLIMITED_TENANTS } from './store-options.js';
import type { StoreParts } from './store-parts.js';

/**
 * Makes the brain of a kv-store over its tiers. Nothing happens before `start`.
 *
 * @throws AppError `INVALID_ARGUMENT` for a tier that is given twice or is not below memory.
 */
export function createStoreCore(options: StoreCoreOptions): StoreCore {
  const storeEpoch = Buffer.from(options.random(8)).readBigUInt64LE();
  return new KvStoreCore(assemble(options, storeEpoch), storeEpoch);
}

function assemble(options: StoreCoreOptions, storeEpoch: bigint): StoreParts {
  const { clock, random, checksum, owner } = options;
  const limits = completeLimits(options.limits);
  const observer = options.observer ?? SILENT_OBSERVER;
  const lower = byTier(options.lower ?? []);
  const guarded = lower.map((given) => (given ? new GuardedTier(given.tier, { clock, observer, limits }) : null));
  const writeModes = lower.map((given) => given?.write ?? null);
  const blocks = new PrefixIndex({ maxBlocks: limits.maxBlocks, seed: Buffer.from(random(4)).readUInt32LE() });
  const namespaces = new Namespaces(options.tenants ?? UNLIMITED_TENANTS, limits.maxNamespaces);
  const { ringEvents, maxWatchers } = limits;
  const events = new EventLog({ owner, storeEpoch, ringEvents, maxWatchers, sink: options.sink ?? null, observer });
  const ram = new RamTier(options.ramBytes);
  const leases = new LeaseTable({ blocks, clock, random, limits, observer });
  const pins = new Pins({ blocks, namespaces, clock, limits, observer });
  const residence = new Residence({ blocks, namespaces, pins, events, observer, ram, guarded });
  const shared = { blocks, namespaces, leases, pins, residence, ram, guarded, limits, observer };
  const evictor = new Evictor(shared);
  const waitForDurable = options.waitForDurable ?? false;
  return { ...shared, evictor, events, writeModes, clock, checksum, waitForDurable };
}

function byTier(given: readonly LowerTier[]): (LowerTier | null)[] {
  const lower: (LowerTier | null)[] = TIERS.map(() => null);
  for (const each of given) {
    const tier = TIERS.indexOf(each.tier.name);
    if (tier < 1) throw invalidArgument('lower', `The ${each.tier.name} tier is not below memory.`);
    if (lower[tier]) throw invalidArgument('lower', `The ${each.tier.name} tier is given twice.`);
    lower[tier] = each;
  }
  return lower;
}
