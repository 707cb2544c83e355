import type { StoreObserver } from '../ports.js';

/** One read: how much memory its result takes beyond what the store holds anyway, and how to start it. */
export interface ReadStep<T> {
  readonly bytes: number;
  run(): T | Promise<T>;
}

/** Bytes that all gets together may have read before their consumers asked. */
export class ReadBudget {
  readonly #limitBytes: number;
  readonly #observer: StoreObserver;
  #used = 0;

  constructor(limitBytes: number, observer: StoreObserver) {
    this.#limitBytes = limitBytes;
    this.#observer = observer;
  }

  /** False leaves everything as it is. `must` takes in any case: a get never waits for another one's consumer. */
  take(bytes: number, must: boolean): boolean {
    if (!must && this.#used + bytes > this.#limitBytes) return false;
    this.#move(bytes);
    return true;
  }

  give(bytes: number): void {
    this.#move(-bytes);
  }

  #move(bytes: number): void {
    if (bytes === 0) return;
    this.#used += bytes;
    this.#observer.measured('read_ahead_bytes', this.#used, this.#limitBytes, {});
  }
}

export interface Pace {
  readonly depth: number;
  readonly budget: ReadBudget;
  /** Awaits a step for as long as the caller is there; rejects when it leaves. */
  readonly wait: <T>(work: T | Promise<T>) => Promise<T>;
}

interface Started<T> {
  readonly bytes: number;
  readonly result: T | Promise<T>;
}

/**
 * Results of the steps in order, with up to `depth` of them under way while the consumer works on an earlier one.
 * Steps are taken from the iterator only when they are started. A step must not reject.
 */
export async function* readAhead<T>(
  steps: Iterator<ReadStep<T>>,
  { depth, budget, wait }: Pace,
): AsyncGenerator<T, void, undefined> {
  const started: Started<T>[] = [];
  let waiting: ReadStep<T> | null = null;
  try {
    for (;;) {
      while (started.length < depth) {
        waiting ??= nextStep(steps);
        if (!waiting || !budget.take(waiting.bytes, started.length === 0)) break;
        started.push({ bytes: waiting.bytes, result: waiting.run() });
        waiting = null;
      }
      const first = started[0];
      if (!first) return;
      const result = await wait(first.result);
      yield result;
      started.shift();
      budget.give(first.bytes);
    }
  } finally {
    for (const { bytes, result } of started) void Promise.resolve(result).finally(() => budget.give(bytes));
  }
}

function nextStep<T>(steps: Iterator<ReadStep<T>>): ReadStep<T> | null {
  const next = steps.next();
  return next.done ? null : next.value;
}
