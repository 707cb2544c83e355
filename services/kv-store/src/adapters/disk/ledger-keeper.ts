import { AppError } from '@longhaul/kernel';
import { Ledger } from './ledger.js';
import { type AcknowledgedEnd, type LedgerSegment } from './ledger-format.js';
import { type DiskEvent } from './options.js';
import { type Segment } from './segment.js';

/** The log as the ledger has to know it. */
export interface KeptLog {
  readonly logId: Uint8Array;
  readonly segments: ReadonlyMap<number, Segment>;
  readonly active: Segment | null;
  readonly lastLsn: number;
}

/** Keeps the ledger in step with the log: what is listed, acknowledged and forgotten, and when. */
export class LedgerKeeper {
  readonly #log: KeptLog;
  readonly #ledger: Ledger;
  readonly #onEvent: (event: DiskEvent) => void;
  /** Listed and gone: the ledger says so until the log is repaired. */
  #missing: readonly LedgerSegment[];
  /** Forgotten already and about to be deleted. */
  readonly #leaving = new Set<number>();
  /** The file may say something else than the log. */
  #isStale = false;

  constructor(
    log: KeptLog,
    ledger: Ledger,
    from: { missing: readonly LedgerSegment[]; onEvent: (e: DiskEvent) => void },
  ) {
    this.#log = log;
    this.#ledger = ledger;
    this.#missing = from.missing;
    this.#onEvent = from.onEvent;
  }

  /** Before the first record of this process. What was found is served from here on: it counts as acknowledged. */
  open(): Promise<void> {
    return this.#ledger.open(this.#log.logId, this.#segments(null), this.#end());
  }

  /** Repeats what failed. Rejects as writes do. */
  async refresh(): Promise<void> {
    if (this.#isStale) await this.#list(null);
  }

  /** Before the first record of a new segment, which ends the active one. Rejects as writes do. */
  begin(next: Segment): Promise<void> {
    return this.#list(next);
  }

  /** Forgets a segment, then lets `remove` take it off the medium. Rejects as writes do; then it may be listed again. */
  async forget(id: number, remove: () => Promise<void>): Promise<void> {
    this.#leaving.add(id);
    try {
      await this.#list(null);
      await remove();
    } finally {
      this.#leaving.delete(id);
      if (this.#log.segments.has(id)) this.#isStale = true;
    }
  }

  /** From here on segments that are gone are no loss that is told of. Rejects as writes do. */
  async forgetMissing(): Promise<void> {
    if (this.#missing.length === 0) return;
    this.#missing = [];
    await this.#list(null);
  }

  /** Before anybody is told. The records are on the medium already: if this fails, the ledger only lags behind. */
  async acknowledge(end: AcknowledgedEnd): Promise<void> {
    try {
      await this.#ledger.acknowledge(end);
    } catch (error) {
      this.#onEvent({ kind: 'maintenance_failed', step: 'ledger', message: AppError.from(error).message });
    }
  }

  close(): Promise<void> {
    return this.#ledger.close();
  }

  async #list(next: Segment | null): Promise<void> {
    this.#isStale = true;
    await this.#ledger.list(this.#segments(next), this.#end());
    this.#isStale = false;
  }

  #segments(next: Segment | null): LedgerSegment[] {
    const { active, lastLsn, segments } = this.#log;
    const all = [...this.#missing];
    for (const segment of segments.values()) {
      const isEnding = next !== null && segment === active;
      const due = isEnding ? { lsn: lastLsn + 1, offset: segment.end } : segment.due;
      if (!this.#leaving.has(segment.id)) all.push(listed(segment, due));
    }
    if (next) all.push(listed(next, null));
    return all.sort((a, b) => a.id - b.id);
  }

  #end(): AcknowledgedEnd {
    const { active, lastLsn } = this.#log;
    return { lsn: lastLsn, segment: active?.id ?? -1, offset: active?.end ?? 0 };
  }
}

function listed({ id, firstLsn }: Segment, due: Segment['due']): LedgerSegment {
  return { id, firstLsn, endLsn: due?.lsn ?? 0, endOffset: due?.offset ?? 0 };
}
