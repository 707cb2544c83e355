import { AppError } from '@longhaul/kernel';

/** Jobs that may wait for a thread; beyond it KV_BUSY. */
export const MAX_WAITING_JOBS = 4096;

/** Leaves a thread of libuv's pool to the rest of the process (name look-ups, files, cryptography). */
function threads(): number {
  const pool = Number(process.env.UV_THREADPOOL_SIZE ?? 4);
  return Math.max(1, (Number.isInteger(pool) && pool > 0 ? pool : 4) - 1);
}

/** Lets a bounded number of jobs run and a bounded number wait, first come first served. */
export class JobGate {
  readonly #limit: number;
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limit = threads(), maxWaiting = MAX_WAITING_JOBS) {
    this.#limit = limit;
    this.#maxWaiting = maxWaiting;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Rejects with AppError KV_BUSY when too many wait. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) await this.#turn();
    else this.#running++;
    try {
      return await job();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new AppError({
        code: 'RESOURCE_EXHAUSTED',
        reason: 'KV_BUSY',
        message: `${String(this.#maxWaiting)} file operations wait already.`,
        retry: 'same',
      });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
