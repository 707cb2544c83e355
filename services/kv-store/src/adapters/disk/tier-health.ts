import { type AppError } from '@longhaul/kernel';
import { type DiskClock, type DiskSettings } from './options.js';

/** Whether the disk takes writes. A failed write says no; a probe that succeeds says yes again. */
export class TierHealth {
  readonly #settings: DiskSettings;
  readonly #clock: DiskClock;
  readonly #probe: () => void;
  #error: AppError | null = null;
  #cancel: () => void = () => undefined;
  #stopped = false;

  constructor(settings: DiskSettings, clock: DiskClock, probe: () => void) {
    this.#settings = settings;
    this.#clock = clock;
    this.#probe = probe;
  }

  /** What made the tier refuse writes; null while it takes them. */
  get error(): AppError | null {
    return this.#error;
  }

  failed(error: AppError): void {
    if (!error.reason.startsWith('KV_DISK_') || this.#stopped) return;
    if (this.#error === null) {
      this.#settings.onEvent({ kind: 'unwritable', reason: error.reason, message: error.message });
    }
    this.#error = error;
    this.#cancel();
    this.#cancel = this.#clock.after(this.#settings.probeIntervalMs, this.#probe, 'background');
  }

  recovered(): void {
    if (this.#error === null) return;
    this.#error = null;
    this.#cancel();
    this.#settings.onEvent({ kind: 'writable' });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }
}
