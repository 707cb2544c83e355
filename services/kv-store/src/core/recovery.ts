import { type BlockHead, equalBytes, type TierObject, readHead, verifyHeadPadding } from '@longhaul/kv-core';
import { AppError } from '@longhaul/kernel';
import { factsOf } from './block-facts.js';
import type { GuardedTier } from './guarded-tier.js';
import { tierName } from './residence.js';
import { isDamage, isSuperseded } from './store-errors.js';
import type { StoreParts } from './store-parts.js';

/** Heads that are read at the same time. */
const CONCURRENCY = 16;
/** The head of a block of 60 layers; a longer one takes a second read. */
const HEAD_GUESS_BYTES = 8192;

type Entry = TierObject;

/**
 * Makes what a tier found at start visible again: each object's head says whose it is and where in its chain. Damaged
 * objects, and those of an earlier format, are deleted and counted; those that cannot be read now are left alone and
 * counted.
 */
export async function recoverTier(parts: StoreParts, tier: number, stopped: () => boolean): Promise<void> {
  const guard = parts.guarded[tier];
  if (!guard) return;
  const entries = guard.tier.entries()[Symbol.iterator]();
  const worker = async () => {
    for (let next = entries.next(); !next.done && !stopped(); next = entries.next()) {
      await recoverEntry(parts, tier, { guard, entry: next.value });
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

async function recoverEntry(
  parts: StoreParts,
  tier: number,
  { guard, entry }: { guard: GuardedTier; entry: Entry },
): Promise<void> {
  const { blocks, observer, residence } = parts;
  const labels = { tier: tierName(tier) };
  if (blocks.inTier(blocks.find(entry.key), tier)) return;
  if (hasExpired(parts, entry)) {
    observer.counted('recovery_skipped', 1, { ...labels, reason: 'expired' });
    await residence.discard(tier, entry.key);
    return;
  }
  try {
    const { head, bytes } = await readStoredHead(guard, entry);
    const headCrc32c = parts.checksum(bytes.subarray(0, head.headBytes));
    const kept = adopt(parts, tier, { head, headCrc32c, expiresS: entry.expiresS ?? 0 });
    if (kept === 'other') await residence.discard(tier, entry.key);
    observer.counted(kept === 'kept' ? 'recovered_blocks' : 'recovery_skipped', 1, { ...labels, reason: kept });
  } catch (cause) {
    const error = AppError.from(cause);
    const superseded = isSuperseded(error);
    observer.counted('recovery_skipped', 1, { ...labels, reason: superseded ? 'superseded' : error.reason });
    if (superseded) await residence.discard(tier, entry.key);
    if (!isDamage(error)) return;
    observer.counted('corrupt_blocks', 1, labels);
    await residence.discard(tier, entry.key);
  }
}

/** By the clock as it is at this start: what was put while it was wrong ends early or late by as much. */
function hasExpired({ clock }: StoreParts, { expiresS = 0 }: Entry): boolean {
  return expiresS !== 0 && clock.nowMs() >= expiresS * 1000;
}

async function readStoredHead(guard: GuardedTier, entry: Entry): Promise<{ head: BlockHead; bytes: Uint8Array }> {
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

function adopt(
  parts: StoreParts,
  tier: number,
  { head, headCrc32c, expiresS }: { head: BlockHead; headCrc32c: number; expiresS: number },
): 'kept' | 'other' | 'index_full' {
  const { blocks, namespaces, residence } = parts;
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
