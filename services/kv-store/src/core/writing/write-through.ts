import { type Checksum, keyName, type PrefixIndex, verifyBlock } from '@longhaul/kv-core';
import { AppError } from '@longhaul/kernel';
import type { StoreObserver } from '../ports.js';
import type { Evictor, Namespaces, Residence } from '../residence/index.js';
import type { StoreLimits, WriteMode } from '../store-options.js';
import { type GuardedTier, RAM, tierName, type TierSet } from '../tiers/index.js';

export interface WriteThroughParts {
  readonly blocks: PrefixIndex;
  readonly namespaces: Pick<Namespaces, 'record'>;
  readonly residence: Pick<Residence, 'condemn' | 'discard' | 'hold' | 'publish' | 'removal' | 'unhold'>;
  readonly evictor: Pick<Evictor, 'freeShare' | 'makeRoom'>;
  readonly tiers: TierSet;
  /** By tier number; null where there is no tier below memory. */
  readonly writeModes: readonly (WriteMode | null)[];
  readonly checksum: Checksum;
  readonly observer: StoreObserver;
  readonly limits: StoreLimits;
}

interface Job {
  readonly slot: number;
  readonly tier: number;
  readonly key: Uint8Array;
  readonly object: Uint8Array;
  /** The bytes have lain in memory since they were checked. */
  readonly recheck: boolean;
  readonly done: (stored: boolean) => void;
}

/** Queued blocks cannot be evicted: most of memory must stay free for others. */
const MEMORY_SHARE = 0.25;

/**
 * Carries blocks from memory down to slower tiers, in the background and bounded. A block that finds the queue full is
 * remembered and taken when there is room, if memory still has it; one that finds the tier unwilling is offered again
 * when it is hit.
 */
export class WriteThrough {
  readonly #parts: WriteThroughParts;
  readonly #waiting: Job[] = [];
  readonly #pending = new Set<string>();
  /** Blocks that found the queue full, by tier and key. They may be evicted meanwhile: nothing holds them. */
  readonly #backlog = new Map<string, { readonly tier: number; readonly key: Uint8Array }>();
  readonly #limitBytes: number;
  #blocks = 0;
  #bytes = 0;
  #running = 0;
  #closed = false;
  #idle: (() => void)[] = [];

  constructor(parts: WriteThroughParts) {
    this.#parts = parts;
    this.#limitBytes = Math.min(parts.limits.writeThroughBytes, MEMORY_SHARE * parts.tiers.ram.limitBytes);
  }

  /**
   * A block was committed or hit: queues it for every tier whose mode asks for it now.
   *
   * @returns the first tier's outcome, null when no tier asks.
   */
  offer(slot: number, recheck: boolean): Promise<boolean> | null {
    let first: Promise<boolean> | null = null;
    for (let tier = RAM + 1; tier < this.#parts.tiers.count; tier++) {
      if (!this.#wants(slot, tier)) continue;
      const stored = this.#enqueue(slot, tier, recheck);
      first ??= stored;
    }
    return first;
  }

  /** Takes no more and resolves when what is queued has been written or given up. */
  async drain(): Promise<void> {
    if (this.#blocks > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    this.#closed = true;
  }

  #wants(slot: number, tier: number): boolean {
    const { blocks, writeModes } = this.#parts;
    const mode = writeModes[tier];
    if (!mode || blocks.inTier(slot, tier) || !blocks.inTier(slot, RAM)) return false;
    // It would come back without its expiry.
    if (blocks.expiresSOf(slot) !== 0 && this.#parts.tiers.lower(tier)?.tier.keepsExpiry !== true) return false;
    return mode.kind === 'write_through' || blocks.hitsOf(slot) >= mode.afterHits;
  }

  #enqueue(slot: number, tier: number, recheck: boolean): Promise<boolean> {
    const { blocks, tiers } = this.#parts;
    const bytes = blocks.bytesOf(slot);
    const name = `${tier}:${slot}`;
    if (this.#pending.has(name)) return Promise.resolve(false);
    if (this.#closed) return this.#skip(tier, 'closing');
    if (!tiers.lower(tier)?.writable) return this.#skip(tier, 'not_writable');
    const key = blocks.keyOf(slot);
    if (!this.#hasRoom(bytes)) return this.#defer(tier, key);
    const object = tiers.ram.view(key, 0, bytes);
    if (!object) return this.#skip(tier, 'not_in_memory');
    this.#parts.residence.hold(slot);
    this.#pending.add(name);
    this.#count(1, bytes);
    return new Promise((done) => {
      this.#waiting.push({ slot, tier, key, object, recheck, done });
      this.#pump();
    });
  }

  #skip(tier: number, reason: string): Promise<boolean> {
    this.#parts.observer.counted('write_through_skipped', 1, { tier: tierName(tier), reason });
    return Promise.resolve(false);
  }

  #hasRoom(bytes: number): boolean {
    if (this.#blocks === 0) return true;
    return this.#blocks < this.#parts.limits.writeThroughBlocks && this.#bytes + bytes <= this.#limitBytes;
  }

  #defer(tier: number, key: Uint8Array): Promise<boolean> {
    const name = `${tier}${keyName(key)}`;
    if (!this.#backlog.has(name)) {
      if (this.#backlog.size >= this.#parts.limits.writeThroughBacklog) return this.#skip(tier, 'queue_full');
      this.#backlog.set(name, { tier, key });
      this.#reportBacklog();
    }
    return Promise.resolve(false);
  }

  /** Room has come: takes the oldest of those that found none. */
  #takeBacklog(): void {
    const { blocks } = this.#parts;
    for (const [name, { tier, key }] of this.#backlog) {
      const slot = blocks.find(key);
      const wanted = slot >= 0 && this.#wants(slot, tier);
      if (wanted && !this.#hasRoom(blocks.bytesOf(slot))) break;
      this.#backlog.delete(name);
      if (wanted) void this.#enqueue(slot, tier, true);
    }
    this.#reportBacklog();
  }

  #reportBacklog(): void {
    const { limits, observer } = this.#parts;
    observer.measured('write_through_backlog', this.#backlog.size, limits.writeThroughBacklog, {});
  }

  #pump(): void {
    while (this.#running < this.#parts.limits.writeThroughConcurrency) {
      const job = this.#waiting.shift();
      if (!job) return;
      this.#running += 1;
      void this.#run(job).then((stored) => {
        this.#running -= 1;
        this.#pending.delete(`${job.tier}:${job.slot}`);
        this.#parts.residence.unhold(job.slot);
        this.#count(-1, -job.object.length);
        job.done(stored);
        if (this.#backlog.size > 0) this.#takeBacklog();
        this.#pump();
        this.#tellIdle();
      });
    }
  }

  async #run(job: Job): Promise<boolean> {
    const { observer, tiers } = this.#parts;
    const { tier, object } = job;
    const guard = tiers.lower(tier);
    if (!guard) return false;
    try {
      if (job.recheck && !this.#sound(job)) return false;
      await this.#clear(guard, job);
      await this.#store(guard, job);
    } catch (cause) {
      const { reason } = AppError.from(cause);
      observer.counted('write_through_skipped', 1, { tier: tierName(tier), reason });
      return false;
    }
    if (!this.#parts.blocks.inTier(job.slot, RAM)) {
      await this.#parts.residence.discard(tier, job.key);
      return false;
    }
    this.#parts.residence.publish(job.slot, tier);
    observer.counted('written_through', object.length, { tier: tierName(tier) });
    return true;
  }

  /** Damage in memory must not spread to a tier that would call it sound. */
  #sound({ slot, key, object }: Job): boolean {
    try {
      verifyBlock(object, { expected: { seqKey: key }, checksum: this.#parts.checksum });
      return true;
    } catch {
      this.#parts.residence.condemn(slot, RAM);
      return false;
    }
  }

  /** A tier keeps the first object of a key: an older one that no slot speaks for must go first. */
  async #clear(guard: GuardedTier, { tier, key }: Job): Promise<void> {
    await this.#parts.residence.removal(tier, key);
    if (guard.tier.has(key)) await guard.remove([key]);
  }

  async #store(guard: GuardedTier, job: Job): Promise<void> {
    const { blocks, evictor, namespaces, residence } = this.#parts;
    const { slot, tier, key, object } = job;
    const stored = { key, object, expiresS: blocks.expiresSOf(slot) };
    const late = () => {
      if (!blocks.inTier(blocks.find(key), tier)) void residence.discard(tier, key);
    };
    await evictor.makeRoom(tier, object.length, namespaces.record(blocks.namespaceOf(slot)));
    try {
      await guard.write(stored, late);
    } catch (error) {
      if (AppError.from(error).reason !== 'KV_TIER_FULL') throw error;
      await evictor.freeShare(tier, object.length);
      await guard.write(stored, late);
    }
  }

  #tellIdle(): void {
    if (this.#blocks > 0 || this.#backlog.size > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  #count(blocks: number, bytes: number): void {
    this.#blocks += blocks;
    this.#bytes += bytes;
    const { limits, observer } = this.#parts;
    observer.measured('write_through_blocks', this.#blocks, limits.writeThroughBlocks, {});
    observer.measured('write_through_bytes', this.#bytes, this.#limitBytes, {});
  }
}
