import { Draws } from '../../draws/draws.js';
import { insertAll, type Origin } from '../insert-all.js';

/** A key of the JSON object and its value. */
export interface Pair {
  readonly key: string;
  readonly value: string;
}

/** Where the needles of a haystack lie: anywhere in their order, or one behind the other. */
export type Placement = 'spread' | 'clustered';

/** A JSON object of UUIDs with the needles in it, at one number of pairs that nobody asks for after the other. */
export class PairHaystack {
  readonly #origin: Origin;
  readonly #needles: readonly Pair[];
  readonly #placement: Placement;
  readonly #draws: Draws;
  readonly #others: string[] = [];

  /** @param needles in the order in which they come in the text. */
  constructor(origin: Origin, needles: readonly Pair[], placement: Placement) {
    this.#origin = origin;
    this.#needles = needles;
    this.#placement = placement;
    this.#draws = new Draws(...origin, 'pairs');
  }

  get least(): number {
    return this.#needles.length;
  }

  /** @param units pairs beside the needles, at least as many as these. */
  write(units: number): string {
    while (this.#others.length < units)
      this.#others.push(entry({ key: this.#draws.uuid(), value: this.#draws.uuid() }));
    const places = this.#places(units);
    return `{${insertAll(this.#others.slice(0, units), places, this.#needles.map(entry)).join(',\n')}}`;
  }

  #places(units: number): number[] {
    const draws = new Draws(...this.#origin, 'places', units);
    if (this.#placement === 'spread') return draws.positions(this.#needles.length, units);
    const place = draws.below(units + 1);
    return this.#needles.map(() => place);
  }
}

function entry({ key, value }: Pair): string {
  return `"${key}": "${value}"`;
}

/** `steps` pairs of which each one's value is the next one's key. */
export function drawThread(draws: Draws, steps: number): Pair[] {
  const links = Array.from({ length: steps + 1 }, () => draws.uuid());
  return links.slice(0, steps).map((key, i) => ({ key, value: links[i + 1] ?? '' }));
}
