import { AppError } from '@longhaul/kernel';
import { clientErrors } from '@longhaul/kv-transfer';

/** Places for puts and gets under way. First come, first served. */
export class TransferPlaces {
  readonly #limit: number;
  readonly #maxWaiting: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number, maxWaiting: number) {
    this.#limit = limit;
    this.#maxWaiting = maxWaiting;
  }

  get inUse(): number {
    return this.#taken;
  }

  /** Resolves to the function that gives the place back. @throws AppError `KV_BUSY`, or what the signal says. */
  async take(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw AppError.from(signal.reason);
    if (this.#taken >= this.#limit) await this.#queue(signal);
    else this.#taken++;
    let held = true;
    return () => {
      if (held) this.#give();
      held = false;
    };
  }

  #give(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#taken--;
  }

  #queue(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) throw clientErrors.busy(this.#maxWaiting);
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(AppError.from(signal.reason));
      };
      this.#waiting.push(enter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
