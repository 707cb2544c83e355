import { GdsfPolicy, NO_BLOCK, type PrefixIndex, TIERS, keyName } from '@longhaul/kv-core';
import type { NewEvent } from '../events/index.js';
import type { StoreClock, StoreObserver } from '../ports.js';
import { fastestOf, RAM, tierName, type TierSet } from '../tiers/index.js';
import { charge, type NamespaceRecord, type Namespaces, tenantLimit } from './namespaces.js';
import type { Pins } from './pins.js';

/** Deletions that are remembered while a tier does not delete. */
const MAX_UNREMOVED = 65_536;

export interface ResidenceParts {
  readonly blocks: PrefixIndex;
  readonly namespaces: Namespaces;
  readonly pins: Pick<Pins, 'drop'>;
  /** Takes every change of visibility, in order. */
  readonly events: { append(event: NewEvent): void };
  readonly clock: StoreClock;
  readonly observer: StoreObserver;
  readonly tiers: TierSet;
}

/**
 * Which block is in which tier. The one place that makes a copy visible or invisible, and so the one that keeps
 * accounts, the order of eviction and the events true. Visibility changes at once; bytes leave a medium in a second
 * step, when nobody reads the block any more.
 */
export class Residence {
  readonly #parts: ResidenceParts;
  /** Bytes of visible copies, by tier. */
  readonly bytes = [0, 0, 0];
  readonly objects = [0, 0, 0];
  /** Order of eviction, by tier. */
  readonly policies: readonly GdsfPolicy[];
  /** Deletions to come or under way, by tier and key: a new copy must wait for them. */
  readonly #removals = new Map<string, Promise<void>>();
  /** Objects without a slot that a tier in trouble still has. */
  readonly #unremoved = new Map<string, { readonly tier: number; readonly key: Uint8Array }>();
  readonly #whenFree = new Map<number, (() => void)[]>();

  constructor(parts: ResidenceParts) {
    this.#parts = parts;
    const { blocks } = parts;
    this.policies = TIERS.map((_, tier) => new GdsfPolicy(blocks, { tier, worth: (slot) => this.#worth(slot, tier) }));
  }

  /** Whether lookups under the namespace and rollout may see what is in the slot. */
  isVisible(slot: number, record: NamespaceRecord, deployEpoch: number): boolean {
    const { blocks, clock } = this.#parts;
    if (slot < 0 || blocks.tiersOf(slot) === 0) return false;
    if (blocks.namespaceOf(slot) !== record.ordinal || blocks.deployEpochOf(slot) !== deployEpoch) return false;
    const expiresS = blocks.expiresSOf(slot);
    return expiresS === 0 || clock.steadyUnixMs() < expiresS * 1000;
  }

  /** The copy in the tier is complete: lookups may find it. */
  publish(slot: number, tier: number): void {
    const { blocks, events } = this.#parts;
    if (blocks.inTier(slot, tier)) return;
    blocks.setTier(slot, tier, true);
    this.#account(slot, tier, 1);
    this.policies[tier]?.entered(slot);
    const namespaceId = this.#recordOf(slot).id;
    if (!namespaceId) return;
    events.append({
      kind: 'stored',
      namespaceId,
      keys: [blocks.keyOf(slot)],
      ...this.describe(slot),
      tier: tierName(tier),
    });
  }

  /**
   * No lookup finds the copy from now on; its bytes go when nobody holds the block. May free the slot.
   *
   * @returns when the bytes are gone. Never rejects: a tier that cannot delete is counted by its guard.
   */
  unpublish(slot: number, tier: number): Promise<void> {
    const { blocks, events, pins } = this.#parts;
    if (!blocks.inTier(slot, tier)) return Promise.resolve();
    const key = blocks.keyOf(slot);
    const namespaceId = this.#recordOf(slot).id;
    this.#account(slot, tier, -1);
    blocks.setTier(slot, tier, false);
    this.policies[tier]?.left(slot);
    if (blocks.tiersOf(slot) === 0) pins.drop(slot);
    if (namespaceId) events.append({ kind: 'removed', namespaceId, keys: [key], tier: tierName(tier) });
    const removed = this.#remove(slot, tier, key);
    blocks.collect(slot);
    this.#reportIndex();
    return removed;
  }

  /** Takes a copy that failed a check out of its tier, for good, and counts it. */
  condemn(slot: number, tier: number): void {
    const { blocks, observer } = this.#parts;
    if (!blocks.inTier(slot, tier)) return;
    observer.counted('corrupt_blocks', 1, { tier: tierName(tier) });
    this.#recordOf(slot).counts.corruptBlocks += 1;
    void this.unpublish(slot, tier);
  }

  /** Deletes an object of a tier that no slot speaks for. */
  discard(tier: number, key: Uint8Array): Promise<void> {
    return this.#track(tier, key, this.#erase(tier, key));
  }

  /** The deletion of an older copy that is not done yet, or null. */
  removal(tier: number, key: Uint8Array): Promise<void> | null {
    return this.#removals.get(removalName(tier, key)) ?? null;
  }

  /** Deletes what a tier did not delete when it was asked to. Call now and then. */
  retryRemovals(): void {
    const { blocks, tiers, observer } = this.#parts;
    for (const [name, { tier, key }] of [...this.#unremoved]) {
      if (!tiers.lower(tier)?.writable) continue;
      this.#unremoved.delete(name);
      const slot = blocks.find(key);
      const replaced =
        this.#removals.has(name) || (slot >= 0 && (blocks.inTier(slot, tier) || blocks.holdsOf(slot) !== 0));
      if (!replaced) void this.discard(tier, key);
      else if (!blocks.inTier(slot, tier)) this.#unremoved.set(name, { tier, key });
    }
    observer.measured('unremoved_objects', this.#unremoved.size, MAX_UNREMOVED, {});
  }

  touch(slot: number): void {
    const { blocks } = this.#parts;
    blocks.countHit(slot);
    for (let bits = blocks.tiersOf(slot); bits !== 0; bits &= bits - 1) {
      this.policies[fastestOf(bits)]?.touch(slot);
    }
  }

  hold(slot: number): void {
    this.#parts.blocks.hold(slot, 1);
  }

  unhold(slot: number): void {
    const { blocks } = this.#parts;
    if (blocks.holdsOf(slot) === 1) {
      const actions = this.#whenFree.get(slot);
      this.#whenFree.delete(slot);
      for (const action of actions ?? []) action();
    }
    blocks.hold(slot, -1);
  }

  /** What an event tells of a block. */
  describe(slot: number) {
    const { blocks } = this.#parts;
    const parent = blocks.parentOf(slot);
    return {
      parentKey: blocks.keyOf(parent === NO_BLOCK ? slot : parent),
      firstBlock: blocks.firstBlockOf(slot),
      blockTokens: blocks.blockTokensOf(slot),
      quality: blocks.qualityOf(slot),
    };
  }

  #remove(slot: number, tier: number, key: Uint8Array): Promise<void> {
    if (this.#parts.blocks.holdsOf(slot) === 0) return this.discard(tier, key);
    const done = new Promise<void>((resolve) => {
      const waiting = this.#whenFree.get(slot) ?? [];
      this.#whenFree.set(slot, waiting);
      waiting.push(() => void this.#erase(tier, key).then(resolve));
    });
    return this.#track(tier, key, done);
  }

  async #erase(tier: number, key: Uint8Array): Promise<void> {
    const { tiers } = this.#parts;
    if (tier === RAM) return tiers.ram.drop(key);
    try {
      await tiers.lower(tier)?.remove([key]);
    } catch {
      this.#keepForLater(tier, key);
    }
  }

  #keepForLater(tier: number, key: Uint8Array): void {
    const { observer } = this.#parts;
    if (this.#unremoved.size < MAX_UNREMOVED) this.#unremoved.set(removalName(tier, key), { tier, key });
    else observer.counted('removals_lost', 1, { tier: tierName(tier) });
    observer.measured('unremoved_objects', this.#unremoved.size, MAX_UNREMOVED, {});
  }

  #track(tier: number, key: Uint8Array, done: Promise<void>): Promise<void> {
    if (tier === RAM && !this.#parts.tiers.ram.has(key)) return done;
    const name = removalName(tier, key);
    const tracked = done.then(() => {
      if (this.#removals.get(name) === tracked) this.#removals.delete(name);
    });
    this.#removals.set(name, tracked);
    return tracked;
  }

  /** Hits times the time the copy saves, per byte: what the next tier down would load soon is worth little here. */
  #worth(slot: number, tier: number): number {
    const { blocks, tiers } = this.#parts;
    const bytes = blocks.bytesOf(slot);
    let micros = blocks.recomputeMicrosOf(slot);
    for (let below = tier + 1; below < tiers.count; below++) {
      if (blocks.inTier(slot, below)) micros = Math.min(micros, tiers.loadMicros(below, bytes));
    }
    return ((1 + blocks.hitsOf(slot)) * Math.max(1, micros)) / bytes;
  }

  #account(slot: number, tier: number, sign: 1 | -1): void {
    const { blocks, observer, tiers } = this.#parts;
    const by = { bytes: sign * blocks.bytesOf(slot), objects: sign };
    const record = this.#recordOf(slot);
    charge(this, tier, by);
    charge(record, tier, by);
    charge(record.tenant, tier, by);
    const name = tierName(tier);
    observer.measured('tier_bytes', this.bytes[tier] ?? 0, tiers.limitBytes(tier), { tier: name });
    observer.measured('tier_objects', this.objects[tier] ?? 0, blocks.maxBlocks, { tier: name });
    observer.measured('tenant_bytes', record.tenant.bytes[tier] ?? 0, tenantLimit(record.tenant, tier), {
      tier: name,
      tenant: record.tenant.name,
    });
    this.#reportIndex();
  }

  #reportIndex(): void {
    const { blocks, observer } = this.#parts;
    observer.measured('index_blocks', blocks.size, blocks.maxBlocks, {});
  }

  #recordOf(slot: number) {
    return this.#parts.namespaces.record(this.#parts.blocks.namespaceOf(slot));
  }
}

function removalName(tier: number, key: Uint8Array): string {
  return `${tier}${keyName(key)}`;
}
