import { describe, expect, it } from '@jest/globals';
import { AppError } from '@longhaul/kernel';
import fc from 'fast-check';
import { FakeTier } from './fake-tier.js';
import { BLOCK_BYTES, chain, lower, type Sample, settle, type Space, space, StoreFixture } from './store-fixture.js';

const SPACES = [space('tenant-a'), space('tenant-b')];
const CHAIN = 6;
const RAM_BLOCKS = 8;
const DISK_BLOCKS = 12;
const QUOTA_BLOCKS = 7;

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('put' as const), chain: fc.nat(3), block: fc.nat(CHAIN - 1) }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('lookup' as const), chain: fc.nat(3), block: fc.nat(CHAIN - 1) }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('get' as const), chain: fc.nat(3), block: fc.nat(CHAIN - 1) }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('evict' as const), chain: fc.nat(3), block: fc.nat(CHAIN - 1) }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('time' as const), chain: fc.nat(3), block: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('pin' as const), chain: fc.nat(3), block: fc.nat(CHAIN - 1) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('disk' as const), chain: fc.nat(3), block: fc.nat(1) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Leased {
  readonly samples: readonly Sample[];
  readonly of: Space;
  readonly leaseId: Uint8Array;
  readonly untilMs: number;
}

const CHAINS = [0, 1, 2, 3].map((i) => ({
  of: SPACES[i % 2]!,
  samples: chain(CHAIN, { space: SPACES[i % 2]!, seed: 10 + i, recomputeMicros: 1000 + i }),
}));

/** What the store said it has, checked against what it may have. */
class Model {
  /** Committed and not taken away by request, by key. Pressure may take them: then a removed event of the last copy says so. */
  readonly copies = new Map<string, Set<string>>();
  leases: Leased[] = [];

  constructor(readonly store: StoreFixture) {}

  async run({ op, chain: c, block }: Step, disk: FakeTier): Promise<void> {
    const { of, samples } = CHAINS[c]!;
    const prefix = samples.slice(0, block + 1);
    const { namespace } = of;
    const keys = prefix.map(({ key }) => key);
    const tolerated: Record<string, string[]> = { put: ['KV_QUOTA_EXCEEDED', 'KV_BUSY'], pin: ['KV_NOT_FOUND'] };
    try {
      if (op === 'put') await this.store.put(samples[block]!, of);
      else if (op === 'lookup') await this.#lookup(prefix, of);
      else if (op === 'get') await this.#get(prefix, of);
      else if (op === 'evict') await this.store.core.evict({ namespace, what: { kind: 'keys', keys } });
      else if (op === 'time') this.store.clock.advance(block * 1000);
      else if (op === 'pin')
        await this.store.core.pin({ namespace, keys: keys.slice(-1), ttlSeconds: 30, hard: block > 3 });
      else disk.writes = block === 0 ? 'well' : 'fails';
    } catch (error) {
      if (!tolerated[op]?.includes(AppError.from(error).reason)) throw error;
    }
    if (c % 2 === 0) await settle();
  }

  async #lookup(samples: readonly Sample[], of: Space): Promise<void> {
    const match = await this.store.lookup(samples, of, 5_000);
    const visible = samples.findIndex((sample) => !this.copies.has(name(sample.key)));
    expect(match.matchedBlocks).toBe(visible < 0 ? samples.length : visible);
    const other = SPACES.find((candidate) => candidate !== of)!;
    expect((await this.store.lookup(samples, other)).matchedBlocks).toBe(0);
    if (match.matchedBlocks === 0) return;
    const untilMs = match.leaseExpiresUnixMs;
    this.leases.push({ samples: samples.slice(0, match.matchedBlocks), of, leaseId: match.leaseId, untilMs });
  }

  async #get(samples: readonly Sample[], of: Space): Promise<void> {
    const received = await this.store.read(samples, of);
    expect(received.faithful).toBe(true);
    expect(received.outcomes.every((outcome) => outcome === 'ok')).toBe(true);
  }

  check(disk: FakeTier): void {
    const nowMs = this.store.clock.steadyUnixMs();
    this.leases = this.leases.filter(({ untilMs }) => untilMs > nowMs);
    for (const { samples } of this.leases) {
      for (const { key } of samples) expect(this.copies.has(name(key))).toBe(true);
    }
    expect(this.store.gauge('tier_bytes', 'ram').most).toBeLessThanOrEqual(RAM_BLOCKS * BLOCK_BYTES);
    expect(this.store.gauge('tenant_bytes', 'ram', 'tenant-b').most).toBeLessThanOrEqual(QUOTA_BLOCKS * BLOCK_BYTES);
    expect(disk.mostBytes).toBeLessThanOrEqual(DISK_BLOCKS * BLOCK_BYTES);
  }
}

function name(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}

describe('the store, after any sequence of puts, lookups, gets, evictions, failures and time', () => {
  it('has exactly what its events say, keeps what is leased, keeps namespaces apart and its bounds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 120, size: 'max' }), async (steps) => {
        const disk = new FakeTier('disk', DISK_BLOCKS * BLOCK_BYTES);
        const unlimited = { ramBytes: Infinity, diskBytes: Infinity, objectBytes: Infinity, hardPinnedBytes: Infinity };
        const byTenant = new Map([['tenant-b', { ...unlimited, ramBytes: QUOTA_BLOCKS * BLOCK_BYTES }]]);
        const copies = new Map<string, Set<string>>();
        const store = await StoreFixture.ready(
          {
            lower: lower(disk),
            ramBytes: RAM_BLOCKS * BLOCK_BYTES,
            limits: { tierFailures: 2, tierPauseMs: 3_000, maxBlocks: 64 },
            tenants: { default: unlimited, byTenant },
            sink: {
              publish: ({ events }) => {
                for (const event of events) {
                  if (event.kind === 'cleared') continue;
                  const key = name(event.keys[0]!);
                  const tiers = copies.get(key) ?? new Set();
                  if (event.kind === 'stored') tiers.add(event.tier);
                  else tiers.delete(event.tier);
                  if (tiers.size > 0) copies.set(key, tiers);
                  else copies.delete(key);
                }
              },
            },
          },
          SPACES,
        );
        const model = new Model(store);
        Object.assign(model, { copies });
        for (const each of steps) {
          await model.run(each, disk);
          model.check(disk);
        }
        disk.writes = 'well';
        for (let i = 0; i < 8; i++) {
          await settle();
          store.clock.advance(1_000);
        }
        await store.core.close();
        for (const key of disk.objectsByKey.keys()) expect(copies.has(key)).toBe(true);
        for (const [key, tiers] of copies) expect(tiers.has('disk')).toBe(disk.objectsByKey.has(key));
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });
});
