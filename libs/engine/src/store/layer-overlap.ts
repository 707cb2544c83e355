import type { Clock, LoadGate, ModelRunner } from '../ports.js';

const MICROS_PER_MS = 1000;

/** What overlapping needs; the same for all loads of an engine. */
export interface OverlapOptions {
  readonly openGate: NonNullable<ModelRunner['openGate']>;
  readonly clock: Clock;
  readonly layers: number;
  /** Longest that a step may wait. */
  readonly patienceMs: number;
  /** A layer has arrived: it may be time to begin. */
  readonly wake: () => void;
}

/**
 * Lets a step compute over the last stream of a load before that has ended, layer by layer. The step begins when the
 * rest is expected within the time of the step itself: then it waits little, and whoever shares it loses little.
 * A step may start when the first layer of all blocks is there.
 */
export class LayerOverlap {
  readonly #options: OverlapOptions;
  #startMs = 0;
  #layers = 0;
  #lost = false;
  #gate: LoadGate | null = null;
  #openedMs = 0;
  #overlapMs = 0;

  constructor(options: OverlapOptions) {
    this.#options = options;
  }

  /** Time that loading and a step whose result counted went on beside each other, milliseconds. */
  get overlapMs(): number {
    return this.#overlapMs;
  }

  /** Time that the step waited, milliseconds. */
  get waitedMs(): number {
    return this.#gate?.waitedMs ?? 0;
  }

  get complete(): boolean {
    return this.#gate?.complete ?? false;
  }

  /** The last stream begins. */
  begin(): void {
    this.#startMs = this.#options.clock.monotonicMs();
  }

  /** Layers [0, layers) of all blocks are in their pages, verified; all of them only when every block has ended well. */
  arrived(layers: number): void {
    if (this.#lost || layers === this.#layers) return;
    this.#layers = layers;
    this.#gate?.advance(layers);
    if (this.complete) this.#overlapMs = this.#options.clock.monotonicMs() - this.#openedMs;
    this.#options.wake();
  }

  /** Not all of it will come. Nothing once complete. */
  lost(): void {
    this.#lost = true;
    this.#gate?.cancel();
  }

  /**
   * Whether a step may begin now; once per load.
   *
   * @param stepMicros expected time of the step; 0 unknown. Without it a step begins only where nobody else waits.
   */
  ready(stepMicros: number, alone: boolean): boolean {
    const { layers, patienceMs } = this.#options;
    if (this.#lost || this.#gate !== null || this.#layers === 0 || this.#layers === layers) return false;
    if (stepMicros === 0 && !alone) return false;
    const restMs = this.#restMs();
    return restMs <= patienceMs / 2 && (stepMicros === 0 || restMs <= stepMicros / MICROS_PER_MS);
  }

  open(): LoadGate {
    const { openGate, layers, patienceMs, clock } = this.#options;
    const gate = openGate({ layers, patienceMs });
    gate.advance(this.#layers);
    this.#gate = gate;
    this.#openedMs = clock.monotonicMs();
    return gate;
  }

  /** What is left takes as long for each layer as what has come. */
  #restMs(): number {
    const elapsedMs = this.#options.clock.monotonicMs() - this.#startMs;
    return (elapsedMs * (this.#options.layers - this.#layers)) / this.#layers;
  }
}
