import type { CheckReading, HealthModel } from '@longhaul/platform-health';
import { count, type EventLog } from '@longhaul/platform-otel';
import type { DiskEvent } from './adapters/disk/index.js';

type Recovered = Extract<DiskEvent, { kind: 'recovered' }>['report'];

/**
 * Tells operators what happens to the disk tier: log lines, counters of what is lost, and a health check that stays
 * down once something was. The store serves on: what is lost is computed again.
 */
export class DiskWatch {
  readonly #log: EventLog;
  #records = 0;
  #bytes = 0;
  #ledger: Recovered['ledger'] = 'whole';

  constructor(log: EventLog) {
    this.#log = log;
    for (const found of ['start', 'serving'] as const) this.#count({ lostRecords: 0, bytes: 0 }, found);
  }

  /** Adds the check to a model. */
  observe(health: HealthModel): void {
    health.observe({ name: 'disk-integrity', weight: 'information', dependency: true }, () => this.reading);
  }

  get reading(): CheckReading {
    const reasons: string[] = [];
    if (this.#records > 0)
      reasons.push(`${this.#records} stored records (${this.#bytes} bytes) are lost since they were acknowledged`);
    if (this.#ledger === 'damaged' || this.#ledger === 'missing')
      reasons.push(`the ledger was ${this.#ledger}, so the last records may be lost unseen`);
    return { up: reasons.length === 0, reason: reasons.join('; ') };
  }

  on(event: DiskEvent): void {
    switch (event.kind) {
      case 'recovered':
        this.#recovered(event.report);
        return;
      case 'damage': {
        const { segment, offset, bytes, lostRecords } = event;
        if (lostRecords > 0) this.#count(event, 'start');
        this.#log.warning('disk-damage-found', { segment, offset, bytes, lostRecords });
        return;
      }
      case 'quarantined':
        this.#count({ lostRecords: 1, bytes: event.bytes }, 'serving');
        this.#log.warning('disk-block-quarantined', { message: event.message });
        return;
      case 'rights':
        this.#rights(event);
        return;
      default:
        this.#plain(event);
    }
  }

  #recovered(report: Recovered): void {
    const { objects, segments, lostRecords, lostBytes, damagedCheckpoints, ledger, tornTail, millis } = report;
    this.#ledger = ledger;
    const facts = { objects, segments, lostRecords, lostBytes, damagedCheckpoints, ledger, tornTail, millis };
    if (this.reading.up) this.#log.info('disk-tier-recovered', facts);
    else this.#log.warning('disk-tier-recovered-with-loss', { ...facts, reason: this.reading.reason });
  }

  #rights({ state, mode, tightenedFiles }: Extract<DiskEvent, { kind: 'rights' }>): void {
    const facts = { mode: mode.toString(8).padStart(4, '0'), tightenedFiles };
    if (state === 'open') this.#log.warning('disk-folder-open-to-others', facts);
    else if (state === 'tightened' || tightenedFiles > 0) this.#log.warning('disk-folder-tightened', facts);
  }

  #plain(event: DiskEvent): void {
    if (event.kind === 'set_aside') this.#log.warning('disk-file-set-aside', { name: event.name });
    else if (event.kind === 'unwritable')
      this.#log.warning('disk-tier-unwritable', { reason: event.reason, message: event.message });
    else if (event.kind === 'writable') this.#log.info('disk-tier-writable');
    else if (event.kind === 'maintenance_failed')
      this.#log.warning('disk-maintenance-failed', { step: event.step, message: event.message });
  }

  #count({ lostRecords, bytes }: { lostRecords: number; bytes: number }, found: 'start' | 'serving'): void {
    this.#records += lostRecords;
    this.#bytes += bytes;
    count('kvLostRecords', lostRecords, { found });
    count('kvLostBytes', bytes, { found });
  }
}
