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
  readonly #first: Promise<boolean>;
  #settle: { ready: (ready: boolean) => void; fail: (error: unknown) => void } | null = null;

  constructor(models: ModelDirectory, log: EventLog, onChange: (ready: boolean) => void) {
    this.#models = models;
    this.#log = log;
    this.#onChange = onChange;
    this.#first = new Promise((ready, fail) => (this.#settle = { ready, fail }));
    // Who never asks is not told.
    this.#first.catch(() => undefined);
    this.#running = this.#run();
  }

  /**
   * Resolves to true when a model is ready for the first time, to false when the watcher is closed before.
   *
   * @throws AppError `ATTENTION_DEFAULT_IMPOSSIBLE` where the model and the configuration do not fit: no waiting mends that.
   */
  whenReady(): Promise<boolean> {
    return this.#first;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    this.#settle?.ready(false);
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
      const { reason } = AppError.from(error);
      if (!signal.aborted) this.#log.failure('model-refresh-failed', error, { reason });
      if (reason === 'ATTENTION_DEFAULT_IMPOSSIBLE') this.#settle?.fail(error);
      await pause(FAILURE_BACKOFF_MS, signal);
      return false;
    }
  }

  #announce(ready: boolean): void {
    this.#log.info(ready ? 'model-served' : 'model-lost');
    this.#onChange(ready);
    if (ready) this.#settle?.ready(true);
  }
}
