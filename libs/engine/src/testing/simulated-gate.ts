import type { LoadGate } from '../ports.js';

/** A load gate without threads: who waits is a promise. */
export class SimulatedGate implements LoadGate {
  readonly layers: number;
  readonly patienceMs: number;
  readonly waitedMs = 0;
  #open = 0;
  #cancelled = false;
  #waiters: (() => void)[] = [];

  constructor({ layers, patienceMs }: { layers: number; patienceMs: number }) {
    this.layers = layers;
    this.patienceMs = patienceMs;
  }

  get complete(): boolean {
    return this.#open === this.layers;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** Somebody waits. */
  get waiting(): boolean {
    return this.#waiters.length > 0;
  }

  advance(layers: number): void {
    if (this.#cancelled) return;
    this.#open = Math.max(this.#open, layers);
    this.#tell();
  }

  cancel(): void {
    if (this.complete) return;
    this.#cancelled = true;
    this.#tell();
  }

  /** True when the layer is there; false after a cancellation. */
  async wait(layer: number): Promise<boolean> {
    while (!this.#cancelled && this.#open <= layer) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    return !this.#cancelled;
  }

  #tell(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
