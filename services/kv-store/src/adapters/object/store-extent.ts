import { AppError } from '@longhaul/kernel';
import { keyName, type Checksum } from '@longhaul/kv-core';
import type { Extent, ExtentCatalogue } from './extent-catalogue.js';
import { encodeExtent, type ExtentEntry } from './extent-format.js';
import { readExtentIndex } from './extent-index.js';
import { extentName, removalsName, type BlockGroup } from './extent-name.js';
import type { PendingObject } from './extent-packer.js';
import { readRemovals } from './load-extents.js';
import type { ObjectBucket } from './object-bucket.js';
import { tierErrors } from './tier-errors.js';

export interface StoreContext {
  readonly bucket: ObjectBucket;
  readonly catalogue: ExtentCatalogue;
  readonly checksum: Checksum;
  readonly nowUnixMs: () => number;
  /** Names that may not be used though the catalogue does not have them: extents that are being deleted. */
  readonly isTaken: (name: string) => boolean;
  /** Told of each extent of which something has become dead. */
  readonly onDead: (extent: Extent) => void;
}

const MAX_GENERATIONS = 1_000;

/**
 * Stores objects of one group as one new extent. Where another writer stored an extent of that name before, its
 * objects are taken over, and what it lacks is stored under the next name.
 *
 * @throws AppError `KV_STORE_UNAVAILABLE`.
 */
export async function storeExtent(
  context: StoreContext,
  group: BlockGroup,
  objects: readonly PendingObject[],
): Promise<void> {
  const { bucket, catalogue, checksum } = context;
  let rest = objects.filter((object) => isLive(catalogue, object));
  for (let generation = 0; rest.length > 0; generation++) {
    if (generation > MAX_GENERATIONS) throw tierErrors.unavailable('server', 'No name is free for an extent.');
    const name = extentName(group, (rest[0] as PendingObject).key, generation);
    if (catalogue.extent(name) || context.isTaken(name)) continue;
    const createdUnixMs = context.nowUnixMs();
    const { body, entries } = encodeExtent(rest, createdUnixMs, checksum);
    if ((await bucket.putNew(name, body, checksum(body))) === 'stored') {
      publish(context, catalogue.add(name, createdUnixMs, entries, deadOf(catalogue, rest)), entries, rest);
      return;
    }
    const found = await takeOver(context, name, rest);
    const left = rest.filter(({ key, wanted }) => wanted && !found.has(keyName(key)));
    // Another first object has other names.
    if (left[0] !== rest[0]) generation = -1;
    rest = left;
  }
}

/** False for an object that was removed while it was under way, in its old extent or before it had one. */
function isLive(catalogue: ExtentCatalogue, { key, from, wanted }: PendingObject): boolean {
  return wanted && (from === null || catalogue.find(key)?.extent === from);
}

function deadOf(catalogue: ExtentCatalogue, objects: readonly PendingObject[]): ReadonlySet<string> {
  return new Set(objects.filter((object) => !isLive(catalogue, object)).map(({ key }) => keyName(key)));
}

/** Moves objects that have been in another extent, and tells of what is dead from the start. */
function publish(
  { catalogue, onDead }: StoreContext,
  extent: Extent,
  entries: readonly ExtentEntry[],
  objects: readonly PendingObject[],
): void {
  const places = new Map(entries.map((entry) => [keyName(entry.key), entry]));
  for (const { key, from } of objects) {
    const place = places.get(keyName(key));
    if (from && place && catalogue.move(key, from, extent, place)) onDead(from);
  }
  if (extent.removed.length > 0) onDead(extent);
}

/** Key names that are live in an extent stored by another writer, or by a try of ours whose answer was lost. */
async function takeOver(
  context: StoreContext,
  name: string,
  objects: readonly PendingObject[],
): Promise<ReadonlySet<string>> {
  const { bucket, catalogue, checksum } = context;
  try {
    const { footer, entries } = await readExtentIndex(bucket, { name, bytes: await bucket.size(name) }, checksum);
    const removed = new Set([...(await removalsOf(context, name)).map(keyName), ...deadOf(catalogue, objects)]);
    const extent = catalogue.add(name, footer.createdUnixMs, entries, removed);
    publish(context, extent, entries, objects);
    return new Set(extent.live.keys());
  } catch (error) {
    // Damaged, or gone since: its name is left alone.
    if (AppError.isInstance(error) && (error.reason === 'KV_CORRUPT' || error.reason === 'KV_NOT_FOUND'))
      return new Set();
    throw error;
  }
}

async function removalsOf({ bucket, checksum }: StoreContext, extent: string): Promise<readonly Uint8Array[]> {
  const name = removalsName(extent);
  try {
    return await readRemovals(bucket, { name, bytes: await bucket.size(name) }, checksum);
  } catch (error) {
    if (AppError.isInstance(error) && error.reason === 'KV_NOT_FOUND') return [];
    throw error;
  }
}
