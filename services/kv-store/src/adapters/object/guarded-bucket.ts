import type { ListedObject, ObjectBucket } from './object-bucket.js';
import type { TierHealth } from './tier-health.js';

/** A bucket whose calls fail at once while the tier's health says so, and tell the health how they ended. */
export function guardedBucket(bucket: ObjectBucket, health: TierHealth): ObjectBucket {
  return {
    putNew: (name, body, crc32c) => health.guard('write', () => bucket.putNew(name, body, crc32c)),
    replace: (name, body, crc32c) => health.guard('write', () => bucket.replace(name, body, crc32c)),
    remove: (name) => health.guard('write', () => bucket.remove(name)),
    read: (name, offset, into) => health.guard('read', () => bucket.read(name, offset, into)),
    size: (name) => health.guard('read', () => bucket.size(name)),
    ping: () => health.guard('read', () => bucket.ping()),
    async *list(): AsyncIterable<readonly ListedObject[]> {
      health.require('read');
      yield* bucket.list();
    },
    close: () => bucket.close(),
  };
}
