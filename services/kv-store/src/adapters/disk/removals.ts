import { keyName } from '@longhaul/kv-core';
import { type AppError } from '@longhaul/kernel';
import { countTombstones, TOMBSTONE_KEYS, tombstoneRecord } from './compaction.js';
import { type DiskLog, type RecordWrite } from './disk-log.js';

import { type Place } from './record-index.js';

/** A put that has not been committed. */
export interface PendingPut {
  readonly done: Promise<void>;
  /** Removed before it was committed: it must not become visible. */
  dropped: boolean;
  /** Where it went all the same. */
  place: Place | null;
}

interface Removal {
  readonly keys: readonly Uint8Array[];
  readonly places: readonly Place[];
  readonly puts: readonly PendingPut[];
}

/** Writes tombstones, and gives the space back once they are on the medium. */
export class Removals {
  readonly #log: DiskLog;
  readonly #append: (write: RecordWrite) => void;
  /** Tombstones that could not be written: written before the tier takes puts again. At most one per removed object. */
  #owed: Removal[] = [];

  constructor(log: DiskLog, append: (write: RecordWrite) => void) {
    this.#log = log;
    this.#append = append;
  }

  get owed(): number {
    return this.#owed.length;
  }

  /** The objects must be out of the index already. Rejects as writes do; the removal then is repeated by `retry`. */
  async remove(removal: Removal): Promise<void> {
    const { keys } = removal;
    const parts = Array.from({ length: Math.ceil(keys.length / TOMBSTONE_KEYS) }, (_, i) =>
      keys.slice(i * TOMBSTONE_KEYS, (i + 1) * TOMBSTONE_KEYS),
    );
    const outcomes = await Promise.allSettled(parts.map((part) => this.#write(part)));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) {
      this.#owed.push(removal);
      throw failed.reason;
    }
    const orphans = removal.puts.flatMap(({ place }) => (place ? [place] : []));
    await this.#log.reclaim([...removal.places, ...orphans]);
  }

  /** Writes the tombstones that are owed. Rejects as writes do. */
  async retry(): Promise<void> {
    const owed = this.#owed;
    this.#owed = [];
    const outcomes = await Promise.allSettled(owed.map((removal) => this.remove(removal)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  /** At once, for a checkpoint may be taken before anything else happens. */
  #settle(keys: readonly Uint8Array[], lsn: number): void {
    for (const key of keys) {
      const name = keyName(key);
      if ((this.#log.leaving.get(name)?.place.lsn ?? lsn) < lsn) this.#log.leaving.delete(name);
    }
  }

  #write(keys: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve, reject: (error: AppError) => void) => {
      this.#append({
        ...tombstoneRecord(keys, this.#log),
        wanted: () => true,
        committed: (place) => {
          this.#settle(keys, place.lsn);
          countTombstones(this.#log, place, keys.length);
          resolve();
        },
        skipped: resolve,
        failed: reject,
      });
    });
  }
}
