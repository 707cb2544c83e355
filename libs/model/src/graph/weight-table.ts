import type { StoredWeight } from './stored-weight.js';

/** The weights of a package by name, and which of them the graph has used. */
export class WeightTable {
  readonly #byName: ReadonlyMap<string, StoredWeight>;
  readonly #unused: Set<string>;

  constructor(weights: readonly StoredWeight[]) {
    this.#byName = new Map(weights.map((weight) => [weight.name, weight]));
    this.#unused = new Set(this.#byName.keys());
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** @throws RangeError for a weight that is not there. */
  use(name: string): StoredWeight {
    const weight = this.#byName.get(name);
    if (weight === undefined) throw new RangeError(`the weight ${name} is missing`);
    this.#unused.delete(name);
    return weight;
  }

  /** @throws RangeError where a weight has not been used: a graph without it is another model. */
  requireAllUsed(): void {
    const [name] = this.#unused;
    if (name !== undefined) throw new RangeError(`the weight ${name} has no place in the graph`);
  }
}
