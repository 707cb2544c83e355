import { AppError, pause } from '@longhaul/kernel';
import type { EventLog } from '@longhaul/platform-otel';
import type { ModelDirectory } from '../../core/served-model.js';

const POLL_MS = 50;
const FAILURE_BACKOFF_MS = 1000;

/** Keeps the directory up to date with the backend and says when requests become welcome and when not. */
export class ModelWatcher {
  readonly #models: ModelDirectory;
  readonly #log: EventLog;
  readonly #onChange: (ready: boolean) => void;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #waiters: ((ready: boolean) => void)[] = [];

  constructor(models: ModelDirectory, log: EventLog, onChange: (ready: boolean) => void) {
    this.#models = models;
    this.#log = log;
    this.#onChange = onChange;
    this.#running = this.#run();
  }

  /** Resolves to true when a model is ready, to false when the watcher is closed before. */
  whenReady(): Promise<boolean> {
    if (this.#models.ready()) return Promise.resolve(true);
    if (this.#closing.signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    this.#settle(false);
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let wasReady = false;
    while (!signal.aborted) {
      const ready = await this.#refreshed(signal);
      if (ready !== wasReady) this.#announce(ready);
      wasReady = ready;
      await pause(POLL_MS, signal);
    }
  }

  async #refreshed(signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#models.refresh(signal);
    } catch (error) {
      if (!signal.aborted) this.#log.failure('model-refresh-failed', error, { reason: AppError.from(error).reason });
      await pause(FAILURE_BACKOFF_MS, signal);
      return false;
    }
  }

  #announce(ready: boolean): void {
    this.#log.info(ready ? 'model-served' : 'model-lost');
    this.#onChange(ready);
    if (ready) this.#settle(true);
  }

  #settle(ready: boolean): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter(ready);
  }
}
