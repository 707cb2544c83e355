/** Reads below this say how long a tier takes to answer, and nothing about its bandwidth. */
const LEAST_READ_BYTES = 8192;
/** Bytes of one observation: enough that a clock of milliseconds is exact enough. */
const SAMPLE_BYTES = 4 * 2 ** 20;
const WEIGHT = 0.3;
const MICROS_PER_MS = 1000;

/**
 * Bandwidth of a tier's reads, bytes a microsecond. Reads that overlap share their time: what counts is what arrived
 * while at least one was under way.
 */
export class TierSpeed {
  #value: number;
  readonly #nowMs: () => number;
  #underWay = 0;
  #sinceMs = 0;
  #busyMs = 0;
  #bytes = 0;

  /** @param value first guess. */
  constructor(value: number, nowMs: () => number) {
    this.#value = value;
    this.#nowMs = nowMs;
  }

  get bytesPerMicro(): number {
    return this.#value;
  }

  /** @returns to be called once, with the bytes that came; 0 after a failure. */
  begin(length: number): (bytes: number) => void {
    if (length < LEAST_READ_BYTES) return () => undefined;
    if (this.#underWay++ === 0) this.#sinceMs = this.#nowMs();
    return (bytes) => this.#end(bytes);
  }

  #end(bytes: number): void {
    const now = this.#nowMs();
    this.#busyMs += now - this.#sinceMs;
    this.#sinceMs = now;
    this.#bytes += bytes;
    this.#underWay -= 1;
    if (this.#bytes < SAMPLE_BYTES) return;
    const measured = this.#bytes / Math.max(1, this.#busyMs * MICROS_PER_MS);
    this.#value += WEIGHT * (measured - this.#value);
    this.#busyMs = 0;
    this.#bytes = 0;
  }
}
