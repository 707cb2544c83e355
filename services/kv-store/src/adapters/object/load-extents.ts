import { AppError } from '@longhaul/kernel';
import { keyName, type Checksum } from '@longhaul/kv-core';
import type { ExtentCatalogue } from './extent-catalogue.js';
import { readExtentIndex } from './extent-index.js';
import { extentOfRemovals, kindOf } from './extent-name.js';
import type { ListedObject, ObjectBucket } from './object-bucket.js';
import { decodeRemovals, MAX_REMOVAL_LIST_BYTES } from './removal-list.js';

export interface LoadReport {
  /** Extents and removal lists that cannot be read: left where they are, never served. */
  damaged: number;
  damagedBytes: number;
}

export interface LoadContext {
  readonly bucket: ObjectBucket;
  readonly catalogue: ExtentCatalogue;
  readonly checksum: Checksum;
}

const PARALLEL = 8;

/**
 * Rebuilds the catalogue from the bucket alone: lists everything, reads each extent's index, then takes out what was
 * removed. Holds one page of names and `PARALLEL` indexes at a time beside the catalogue. May be run again after a
 * failure.
 *
 * @throws AppError `KV_STORE_UNAVAILABLE`.
 */
export async function loadExtents(context: LoadContext): Promise<LoadReport> {
  const report: LoadReport = { damaged: 0, damagedBytes: 0 };
  const removals: ListedObject[] = [];
  for await (const page of context.bucket.list()) {
    removals.push(...page.filter(({ name }) => kindOf(name) === 'removals'));
    const extents = page.filter(({ name }) => kindOf(name) === 'extent');
    await inParallel(extents, (extent) => tolerate(report, extent, () => loadExtent(context, extent)));
  }
  await inParallel(removals, (list) => tolerate(report, list, () => applyRemovals(context, list)));
  return report;
}

async function loadExtent({ bucket, catalogue, checksum }: LoadContext, extent: ListedObject): Promise<void> {
  const { footer, entries } = await readExtentIndex(bucket, extent, checksum);
  catalogue.add(extent.name, footer.createdUnixMs, entries);
}

async function applyRemovals({ bucket, catalogue, checksum }: LoadContext, list: ListedObject): Promise<void> {
  const extent = catalogue.extent(extentOfRemovals(list.name));
  // An extent is deleted before its list: what is left is a list of nothing.
  // Where it cannot be removed it does no harm.
  if (!extent) return bucket.remove(list.name).catch(() => undefined);
  for (const key of await readRemovals(bucket, list, checksum)) {
    if (extent.live.has(keyName(key))) catalogue.remove(key);
  }
}

/** @throws AppError `KV_CORRUPT`, `KV_NOT_FOUND`. */
export async function readRemovals(
  bucket: ObjectBucket,
  list: ListedObject,
  checksum: Checksum,
): Promise<readonly Uint8Array[]> {
  const bytes = new Uint8Array(Math.min(list.bytes, MAX_REMOVAL_LIST_BYTES));
  await bucket.read(list.name, 0, bytes);
  return decodeRemovals(bytes, checksum);
}

/** One damaged object must not hide all others; one that went away since the listing is no fault. */
async function tolerate(report: LoadReport, item: ListedObject, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!AppError.isInstance(error) || (error.reason !== 'KV_CORRUPT' && error.reason !== 'KV_NOT_FOUND')) throw error;
    if (error.reason === 'KV_NOT_FOUND') return;
    report.damaged++;
    report.damagedBytes += item.bytes;
  }
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
}
