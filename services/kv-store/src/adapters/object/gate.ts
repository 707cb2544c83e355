import { tierErrors } from './tier-errors.js';

/** Lets a bounded number of things happen at once, in order of arrival; a bounded number wait. */
export class Gate {
  readonly #what: string;
  readonly #width: number;
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @param what names the things in the error of who finds the queue full (`KV_BUSY`). */
  constructor(what: string, width: number, maxWaiting: number) {
    this.#what = what;
    this.#width = width;
    this.#maxWaiting = maxWaiting;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#width) await this.#turn();
    else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The place goes over to the next one: whoever comes in between queues behind.
      if (next) next();
      else this.#running--;
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) throw tierErrors.busy(this.#what, this.#width + this.#maxWaiting);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
