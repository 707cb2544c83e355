import { AppError } from '@longhaul/kernel';
import { MAX_PROCESSES, MAX_QUEUED } from './limits.js';
import type { Job, SandboxModel } from './messages.js';
import { SandboxProcess } from './sandbox-process.js';

interface Waiting {
  job: Job;
  timeMs: number;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** What sandboxes do now. */
export interface SandboxLoad {
  running: number;
  queued: number;
}

const pools = new Set<SandboxPool>();

/** Jobs of all sandboxes of this process, for gauges. */
export function sandboxLoad(): SandboxLoad {
  const loads = [...pools].map((pool) => pool.load());
  return {
    running: loads.reduce((sum, { running }) => sum + running, 0),
    queued: loads.reduce((sum, { queued }) => sum + queued, 0),
  };
}

/** A few processes and a bounded queue. A process that was ended is replaced when the next job comes. */
export class SandboxPool {
  readonly #model: SandboxModel;
  readonly #processes = new Set<SandboxProcess>();
  #queue: Waiting[] = [];
  #running = 0;
  #closed = false;

  constructor(model: SandboxModel) {
    this.#model = model;
    pools.add(this);
  }

  /** Starts a process ahead of the first job. */
  warm(): void {
    if (!this.#closed && this.#processes.size === 0) this.#start();
  }

  load(): SandboxLoad {
    return { running: this.#running, queued: this.#queue.length };
  }

  /**
   * Runs a job when a process is free.
   *
   * @param signal takes the job out of the queue; one that runs is left to its budget
   * @throws AppError RESOURCE_EXHAUSTED when too many wait, CANCELLED; SandboxEnded; what the job raised
   */
  run(job: Job, timeMs: number, signal?: AbortSignal): Promise<unknown> {
    if (this.#closed) return Promise.reject(closed());
    if (signal?.aborted === true) return Promise.reject(abortedBy(signal));
    if (this.#queue.length >= MAX_QUEUED) return Promise.reject(full());
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { job, timeMs, resolve, reject };
      const onAbort = (): void => {
        const at = this.#queue.indexOf(waiting);
        if (at >= 0) this.#queue.splice(at, 1);
        if (signal) reject(abortedBy(signal));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const settled = (): void => signal?.removeEventListener('abort', onAbort);
      waiting.resolve = (value) => {
        settled();
        resolve(value);
      };
      waiting.reject = (error) => {
        settled();
        reject(error instanceof Error ? error : new Error(String(error)));
      };
      this.#queue.push(waiting);
      this.#next();
    });
  }

  /** Ends all processes; what waits or runs is refused. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    pools.delete(this);
    for (const waiting of this.#queue.splice(0)) waiting.reject(closed());
    for (const process of [...this.#processes]) process.kill();
  }

  #next(): void {
    while (this.#queue.length > 0) {
      const process = this.#free();
      const waiting = process && this.#queue.shift();
      if (!process || !waiting) return;
      this.#running++;
      void process
        .run(waiting.job, waiting.timeMs)
        .then(waiting.resolve, waiting.reject)
        .finally(() => {
          this.#running--;
          this.#next();
        });
    }
  }

  #free(): SandboxProcess | undefined {
    for (const process of this.#processes) if (process.idle) return process;
    return this.#processes.size < MAX_PROCESSES && !this.#closed ? this.#start() : undefined;
  }

  #start(): SandboxProcess {
    const started: SandboxProcess = new SandboxProcess(this.#model, () => {
      this.#processes.delete(started);
    });
    this.#processes.add(started);
    return started;
  }
}

function full(): AppError {
  return new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'TOO_MANY_TEMPLATE_JOBS',
    message: `${MAX_QUEUED} requests already wait for the model's template or expressions; try again later.`,
    retry: 'same',
    details: { limit: MAX_QUEUED, retryAfterS: 1 },
  });
}

function closed(): AppError {
  return new AppError({ code: 'UNAVAILABLE', reason: 'SHUTTING_DOWN', message: 'The server is shutting down.' });
}

function abortedBy(signal: AbortSignal): AppError {
  if (AppError.isInstance(signal.reason)) return signal.reason;
  return new AppError({ code: 'CANCELLED', reason: 'CANCELLED', message: 'The request was cancelled.' });
}
