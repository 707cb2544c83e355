import { AppError } from '@longhaul/kernel';

/** Frames that may be sent. One taker at a time. */
export class Credit {
  #frames: number;
  #waiting: (() => void) | null = null;

  constructor(frames: number) {
    this.#frames = frames;
  }

  grant(frames: number): void {
    this.#frames += frames;
    if (this.#frames > 0) this.#waiting?.();
  }

  /** Waits for one frame's worth. Rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<void> {
    if (this.#frames < 1) await this.#granted(signal);
    if (signal.aborted) throw AppError.from(signal.reason);
    this.#frames--;
  }

  #granted(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting = null;
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting = done;
      if (signal.aborted) done();
      else signal.addEventListener('abort', done, { once: true });
    });
  }
}
