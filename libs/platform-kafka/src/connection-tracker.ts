import type { BusLog, ConnectionState } from './event-bus.js';

/** Whether the last attempts to reach a broker worked; logs the changes only. */
export class ConnectionTracker {
  readonly #log: BusLog;
  readonly #now: () => number;
  #state: ConnectionState;

  constructor(log: BusLog, now: () => number) {
    this.#log = log;
    this.#now = now;
    this.#state = { status: 'down', sinceMs: now(), reason: 'not connected yet' };
  }

  current(): ConnectionState {
    return this.#state;
  }

  up(): void {
    if (this.#state.status === 'up') return;
    this.#log.info('kafka-connected', { downMs: this.#now() - this.#state.sinceMs });
    this.#state = { status: 'up', sinceMs: this.#now(), reason: '' };
  }

  down(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (this.#state.status === 'up') this.#log.warning('kafka-disconnected', { reason });
    this.#state =
      this.#state.status === 'up' ? { status: 'down', sinceMs: this.#now(), reason } : { ...this.#state, reason };
  }
}
