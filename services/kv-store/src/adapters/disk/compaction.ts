import { KEY_BYTES, keyName } from '@longhaul/kv-core';
import { type DiskLog, type RecordWrite } from './disk-log.js';
import { scanSegment } from './log-scan.js';
import { BLOCK_BYTES, encodeTombstone, recordBytes, RecordType } from './record-format.js';
import { type Place } from './record-index.js';
import { readWhole } from './record-reader.js';
import { type Segment } from './segment.js';

/** Keys in one tombstone record at most: 36 KiB. */
export const TOMBSTONE_KEYS = 1024;
const LIVE_SHARE = 0.25;
const MOVE_BYTES = 16 << 20;

export interface CompactionTools {
  readonly log: DiskLog;
  append(write: RecordWrite): void;
  /** Resolves when every tombstone of what is out of the index is on the medium. Rejects as writes do. */
  barrier(): Promise<void>;
  /** Takes an object whose bytes are damaged out of the tier. */
  quarantine(key: Uint8Array, message: string): void;
}

/**
 * A sealed segment that is worth rewriting: less than a quarter of it is live. Tombstones count, at their packed size,
 * while there is an older segment in which they may have something to remove.
 */
export function compactionCandidate(log: DiskLog): Segment | undefined {
  return log.sealed.find((segment, i) => {
    const tombstones = i === 0 || segment.tombstones === 0 ? 0 : BLOCK_BYTES + segment.tombstones * KEY_BYTES;
    return segment.liveBytes + tombstones < LIVE_SHARE * segment.recordBytes || segment.recordBytes === 0;
  });
}

/** Copies what is live to the end of the log, then removes the segment. Resolves to the bytes moved. Rejects as writes do. */
export async function compactSegment(segment: Segment, tools: CompactionTools): Promise<number> {
  const moved = await moveObjects(segment, tools);
  if (tools.log.sealed[0] !== segment) await carryTombstones(segment, tools);
  // What was not moved because it was removed meanwhile must not go before its tombstone: an older record of its key
  // may have lost its own tombstone to the younger one's record.
  await tools.barrier();
  await tools.log.removeSegment(segment);
  return moved;
}

async function moveObjects(segment: Segment, tools: CompactionTools): Promise<number> {
  const live = [...tools.log.index.entries()].filter(({ place }) => place.segment === segment.id);
  live.sort((a, b) => a.place.block - b.place.block);
  let moved = 0;
  let group: Promise<void>[] = [];
  let bytes = 0;
  for (const entry of live) {
    group.push(moveObject(segment, entry, tools));
    bytes += recordBytes(entry.place.payloadBytes);
    moved += recordBytes(entry.place.payloadBytes);
    if (bytes < MOVE_BYTES && group.length < 64) continue;
    await settle(group);
    [group, bytes] = [[], 0];
  }
  await settle(group);
  return moved;
}

/** All have ended before the first failure is passed on. */
async function settle(group: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(group)) if (outcome.status === 'rejected') throw outcome.reason;
}

async function moveObject(
  segment: Segment,
  entry: { key: Uint8Array; place: Place },
  tools: CompactionTools,
): Promise<void> {
  const { log } = tools;
  const { key, place: from } = entry;
  const isThere = () => log.index.get(key)?.lsn === from.lsn;
  let payload: Uint8Array;
  try {
    payload = await log.reading(from, () => readWhole(segment.file, entry, log.check));
  } catch (error) {
    if (!isThere()) return;
    if (!(error instanceof Error) || (error as { reason?: string }).reason !== 'KV_CORRUPT') throw error;
    tools.quarantine(key, error.message);
    return;
  }
  const payloadCrc = log.check.checksum(payload);
  const record = { type: RecordType.put, key, payload, payloadCrc, expiresS: from.expiresS };
  await appended(tools, {
    ...record,
    wanted: isThere,
    // Removed meanwhile: its tombstone comes after the copy.
    committed: (place) => {
      if (isThere()) log.insert(key, place);
    },
  });
}

async function carryTombstones(segment: Segment, tools: CompactionTools): Promise<void> {
  const { log } = tools;
  const keys = new Map<string, Uint8Array>();
  const range = {
    ...{ from: BLOCK_BYTES, end: segment.end, expectedLsn: segment.firstLsn },
    ...{ sealed: true, boundLsn: Number.POSITIVE_INFINITY, exact: false, dueEnd: 0, verifyPayloads: false },
  };
  for await (const item of scanSegment(segment.file, range, log.check)) {
    if (item.kind !== 'record') continue;
    for (const key of item.removed) if (!log.index.has(key)) keys.set(keyName(key), key);
  }
  const all = [...keys.values()];
  for (let i = 0; i < all.length; i += TOMBSTONE_KEYS) {
    const some = all.slice(i, i + TOMBSTONE_KEYS);
    await appended(tools, {
      ...tombstoneRecord(some, log, segment.firstLsn),
      wanted: () => true,
      committed: (place) => {
        countTombstones(log, place, some.length);
      },
    });
  }
}

/** A tombstone of up to TOMBSTONE_KEYS keys, at least one; with `below` it spares records from that lsn on. */
export function tombstoneRecord(
  keys: readonly Uint8Array[],
  log: DiskLog,
  below: number | null = null,
): Pick<RecordWrite, 'type' | 'key' | 'payload' | 'payloadCrc'> {
  const [key = new Uint8Array(KEY_BYTES), ...others] = keys;
  const payload = encodeTombstone(others, below);
  const type = below === null ? RecordType.tombstone : RecordType.carried;
  return { type, key, payload, payloadCrc: log.check.checksum(payload) };
}

export function countTombstones(log: DiskLog, place: Place, keys: number): void {
  const segment = log.segments.get(place.segment);
  if (segment) segment.tombstones += keys;
}

function appended(tools: CompactionTools, write: Omit<RecordWrite, 'skipped' | 'failed'>): Promise<void> {
  return new Promise((resolve, reject) => {
    tools.append({
      ...write,
      committed(place) {
        write.committed(place);
        resolve();
      },
      skipped: resolve,
      failed: reject,
    });
  });
}
