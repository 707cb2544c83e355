/**
 * What a failing check means: `liveness` - only a restart helps; `readiness` - no requests for now; `information` -
 * shown, but the service goes on without it.
 */
export type CheckWeight = 'liveness' | 'readiness' | 'information';

/** What a check says now. `reason` is one short sentence for people, empty while all is well; never a secret. */
export interface CheckReading {
  readonly up: boolean;
  readonly reason: string;
}

export interface CheckOptions {
  /** Unique, kebab-case: `model`, `kafka`, `engine-progress`. */
  readonly name: string;
  readonly weight: CheckWeight;
  /** True for another process or device that this service needs, false for its own state. */
  readonly dependency?: boolean;
}

/** A check and how long it has been as it is. */
export interface CheckState extends CheckReading, Required<CheckOptions> {
  /** Unix milliseconds of the last change between up and down. */
  readonly sinceUnixMs: number;
}

export interface HealthReport {
  /** False when only a restart helps. */
  readonly live: boolean;
  /** True while requests are welcome: live, not draining, and every readiness check up. */
  readonly ready: boolean;
  readonly draining: boolean;
  readonly checks: readonly CheckState[];
}

/** Tells the model about one check. */
export interface HealthCheck {
  pass(): void;
  fail(reason: string): void;
}

interface Entry {
  state: CheckState;
  read: (() => CheckReading) | null;
}

const UP: CheckReading = { up: true, reason: '' };

/**
 * The health of one service: named checks that its parts report or that are read when somebody asks, and whether it is
 * draining. gRPC health and the HTTP endpoints show what is in here, and nothing else.
 */
export class HealthModel {
  readonly #nowMs: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(report: HealthReport) => void>();
  #draining = false;
  #told = '';

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  /**
   * Adds a check whose owner reports changes. It is down, as not checked yet, until the first report.
   *
   * @throws Error when the name is taken.
   */
  add(options: CheckOptions): HealthCheck {
    this.#enter(options, { up: false, reason: 'not checked yet' }, null);
    return {
      pass: () => this.#set(options.name, UP),
      fail: (reason) => this.#set(options.name, { up: false, reason }),
    };
  }

  /** Adds a check that is read each time somebody asks; `read` must be cheap and must not throw. */
  observe(options: CheckOptions, read: () => CheckReading): void {
    this.#enter(options, read(), read);
  }

  /** From now on the service is not ready, whatever its checks say. There is no way back. */
  drain(): void {
    this.#draining = true;
    this.#announce();
  }

  /** Everything as it is now. */
  report(): HealthReport {
    for (const [name, { read }] of this.#entries) if (read) this.#update(name, read());
    const checks = [...this.#entries.values()].map(({ state }) => state);
    const all = (weight: CheckWeight) => checks.every((check) => check.weight !== weight || check.up);
    const live = all('liveness');
    return { live, ready: live && !this.#draining && all('readiness'), draining: this.#draining, checks };
  }

  /** Calls `listener` with the report now and after each change, until the returned function is called. */
  follow(listener: (report: HealthReport) => void): () => void {
    this.#listeners.add(listener);
    listener(this.report());
    return () => this.#listeners.delete(listener);
  }

  /** Reads the checks again and tells followers what has changed. */
  refresh(): HealthReport {
    return this.#announce();
  }

  /** Refreshes every `intervalMs`, so that followers learn of observed checks; until the returned function is called. */
  poll(intervalMs: number): () => void {
    const timer = setInterval(() => this.#announce(), intervalMs);
    timer.unref();
    return () => clearInterval(timer);
  }

  #enter(options: CheckOptions, reading: CheckReading, read: Entry['read']): void {
    const { name, weight, dependency = false } = options;
    if (this.#entries.has(name)) throw new Error(`There already is a health check ${name}.`);
    this.#entries.set(name, { state: { name, weight, dependency, ...reading, sinceUnixMs: this.#nowMs() }, read });
    this.#announce();
  }

  #set(name: string, reading: CheckReading): void {
    this.#update(name, reading);
    this.#announce();
  }

  #update(name: string, reading: CheckReading): void {
    const entry = this.#entries.get(name);
    if (!entry) return;
    const sinceUnixMs = entry.state.up === reading.up ? entry.state.sinceUnixMs : this.#nowMs();
    entry.state = { ...entry.state, up: reading.up, reason: reading.reason, sinceUnixMs };
  }

  #announce(): HealthReport {
    const report = this.report();
    const key = JSON.stringify(report);
    if (key === this.#told) return report;
    this.#told = key;
    for (const listener of this.#listeners) listener(report);
    return report;
  }
}
