import { PrefixIndex, TIERS } from '@longhaul/kv-core';
import { invalidArgument } from '@longhaul/kernel';
import { EventLog } from './events/index.js';
import { SILENT_OBSERVER } from './ports.js';
import { createReading } from './reading/index.js';
import {
  Administration,
  Evictor,
  LeaseTable,
  Namespaces,
  Pins,
  Recovery,
  Residence,
  Snapshots,
  statOf,
} from './residence/index.js';
import { KvStoreCore, type StoreCore } from './store-core.js';
import { completeLimits, type LowerTier, type StoreCoreOptions, UNLIMITED_TENANTS } from './store-options.js';
import { GuardedTier, RamTier, TierSet } from './tiers/index.js';
import { createWriting } from './writing/index.js';

/**
 * Makes the brain of a kv-store over its tiers. Nothing happens before `start`.
 *
 * @throws AppError `INVALID_ARGUMENT` for a tier that is given twice or is not below memory.
 */
export function createStoreCore(options: StoreCoreOptions): StoreCore {
  const { clock, checksum, random, owner } = options;
  const limits = completeLimits(options.limits);
  const observer = options.observer ?? SILENT_OBSERVER;
  const surroundings = { clock, checksum, limits, observer };
  const storeEpoch = Buffer.from(random(8)).readBigUInt64LE();
  const lower = byTier(options.lower ?? []);
  const guarded = lower.map((given) => (given ? new GuardedTier(given.tier, surroundings) : null));
  const tiers = new TierSet(new RamTier(options.ramBytes), guarded);
  const blocks = new PrefixIndex({ maxBlocks: limits.maxBlocks, seed: Buffer.from(random(4)).readUInt32LE() });
  const namespaces = new Namespaces(options.tenants ?? UNLIMITED_TENANTS, limits.maxNamespaces);
  const { ringEvents, maxWatchers } = limits;
  const events = new EventLog({ owner, storeEpoch, ringEvents, maxWatchers, sink: options.sink ?? null, observer });
  const leases = new LeaseTable({ blocks, random, ...surroundings });
  const pins = new Pins({ blocks, namespaces, ...surroundings });
  const residence = new Residence({ blocks, namespaces, pins, events, tiers, ...surroundings });
  const evictor = new Evictor({ blocks, namespaces, leases, pins, residence, tiers, ...surroundings });
  const held = { blocks, namespaces, leases, residence, tiers, evictor, ...surroundings };
  const writeModes = lower.map((given) => given?.write ?? null);
  const writing = createWriting({ ...held, writeModes, waitForDurable: options.waitForDurable ?? false });
  const core = {
    ...{ namespaces, leases, events, tiers, writing, ...surroundings },
    reading: createReading({ ...held, storeEpoch, hit: writing.hit }),
    administration: new Administration({ ...held, events, pins }),
    snapshots: new Snapshots({ ...held, events }),
    recovery: new Recovery(held),
    statOf: (record: Parameters<typeof statOf>[1]) => statOf(held, record),
    sweep: () => {
      leases.sweep(true);
      pins.sweep();
      writing.sweep();
      residence.retryRemovals();
    },
  };
  return new KvStoreCore(core, storeEpoch);
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
