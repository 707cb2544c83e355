import {
  type BlockHead,
  type Checksum,
  equalBytes,
  type PrefixIndex,
  readHead,
  type TierObject,
  verifyHeadPadding,
  isEarlierFormat,
} from '@longhaul/kv-core';
import { AppError } from '@longhaul/kernel';
import type { StoreClock, StoreObserver } from '../ports.js';
import { isDamage } from '../store-errors.js';
import { type GuardedTier, tierName, type TierSet } from '../tiers/index.js';
import { factsOf } from './block-facts.js';
import type { Namespaces } from './namespaces.js';
import type { Residence } from './residence.js';

/** Heads that are read at the same time. */
const CONCURRENCY = 16;
/** The head of a block of 60 layers; a longer one takes a second read. */
const HEAD_GUESS_BYTES = 8192;

export interface RecoveryParts {
  readonly blocks: PrefixIndex;
  readonly namespaces: Pick<Namespaces, 'record' | 'recover'>;
  readonly residence: Pick<Residence, 'discard' | 'publish' | 'removal'>;
  readonly tiers: TierSet;
  readonly clock: StoreClock;
  readonly checksum: Checksum;
  readonly observer: StoreObserver;
}

interface StoredHead {
  readonly head: BlockHead;
  readonly headCrc32c: number;
  readonly expiresS: number;
}

/**
 * Makes what the tiers found at start visible again: each object's head says whose it is and where in its chain.
 * Damaged objects, and those of an earlier format, are deleted and counted; those that cannot be read now are left alone
 * and counted.
 */
export class Recovery {
  readonly #parts: RecoveryParts;
  #background: Promise<void> = Promise.resolve();

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /** Resolves when the fast tiers are through; an object store goes on in the background. */
  async start(stopped: () => boolean): Promise<void> {
    const tiers = Array.from({ length: this.#parts.tiers.count }, (_, tier) => tier);
    const later = tiers.filter((tier) => tierName(tier) === 'object');
    for (const tier of tiers) if (!later.includes(tier)) await this.#recoverTier(tier, stopped);
    this.#background = (async () => {
      for (const tier of later) await this.#recoverTier(tier, stopped);
    })();
  }

  /** When nothing goes on in the background any more. */
  async ended(): Promise<void> {
    await this.#background;
  }

  async #recoverTier(tier: number, stopped: () => boolean): Promise<void> {
    const guard = this.#parts.tiers.lower(tier);
    if (!guard) return;
    const entries = guard.tier.entries()[Symbol.iterator]();
    const worker = async () => {
      for (let next = entries.next(); !next.done && !stopped(); next = entries.next()) {
        await this.#recoverEntry(tier, guard, next.value);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  }

  async #recoverEntry(tier: number, guard: GuardedTier, entry: TierObject): Promise<void> {
    const { blocks, checksum, observer, residence } = this.#parts;
    const labels = { tier: tierName(tier) };
    if (blocks.inTier(blocks.find(entry.key), tier)) return;
    if (this.#hasExpired(entry)) {
      observer.counted('recovery_skipped', 1, { ...labels, reason: 'expired' });
      await residence.discard(tier, entry.key);
      return;
    }
    try {
      const { head, bytes } = await readStoredHead(guard, entry);
      const headCrc32c = checksum(bytes.subarray(0, head.headBytes));
      const kept = this.#adopt(tier, { head, headCrc32c, expiresS: entry.expiresS ?? 0 });
      if (kept === 'other') await residence.discard(tier, entry.key);
      observer.counted(kept === 'kept' ? 'recovered_blocks' : 'recovery_skipped', 1, { ...labels, reason: kept });
    } catch (cause) {
      const error = AppError.from(cause);
      const superseded = isEarlierFormat(error);
      observer.counted('recovery_skipped', 1, { ...labels, reason: superseded ? 'superseded' : error.reason });
      if (superseded) await residence.discard(tier, entry.key);
      if (!isDamage(error)) return;
      observer.counted('corrupt_blocks', 1, labels);
      await residence.discard(tier, entry.key);
    }
  }

  /** By the clock as it is at this start: what was put while it was wrong ends early or late by as much. */
  #hasExpired({ expiresS = 0 }: TierObject): boolean {
    return expiresS !== 0 && this.#parts.clock.steadyUnixMs() >= expiresS * 1000;
  }

  #adopt(tier: number, { head, headCrc32c, expiresS }: StoredHead): 'kept' | 'other' | 'index_full' {
    const { blocks, namespaces, residence } = this.#parts;
    const { header } = head;
    const record = namespaces.recover(header.tenantTag, header.modelFingerprint, header.deployEpoch);
    const slot = record ? blocks.ensure(header.seqKey) : -1;
    if (!record || slot < 0) return 'index_full';
    if (blocks.tiersOf(slot) !== 0) {
      const holder = namespaces.record(blocks.namespaceOf(slot));
      const same = blocks.headCrc32cOf(slot) === headCrc32c && equalBytes(holder.tag, record.tag);
      if (!same) return 'other';
    } else {
      if (residence.removal(tier, header.seqKey) || blocks.holdsOf(slot) > 0 || !blocks.link(slot, header.parentKey)) {
        blocks.collect(slot);
        return 'index_full';
      }
      blocks.describe(slot, { ...factsOf(head, headCrc32c), namespace: record.ordinal, expiresS });
    }
    residence.publish(slot, tier);
    return 'kept';
  }
}

async function readStoredHead(guard: GuardedTier, entry: TierObject): Promise<{ head: BlockHead; bytes: Uint8Array }> {
  const expected = { seqKey: entry.key, objectBytes: entry.bytes };
  const guess = Math.min(entry.bytes, HEAD_GUESS_BYTES);
  let bytes = await guard.read(entry.key, 0, guess);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wanted = bytes.length >= 24 ? headLength(view, entry.bytes) : guess;
  if (wanted > guess) bytes = await guard.read(entry.key, 0, wanted);
  const head = readHead(bytes, expected);
  verifyHeadPadding(head, bytes);
  return { head, bytes };
}

/** What header and table take, from fields that are not checked yet: bounded, and only used to read enough. */
function headLength(view: DataView, objectBytes: number): number {
  const sections = Math.min(4096, view.getUint32(20, true));
  return Math.min(objectBytes, Math.ceil((4096 + 64 * sections + 32) / 4096) * 4096);
}
