/**
 * A list of an answer whose items are made when they are written out. `writeJson` makes and sends them a slice at a time;
 * `JSON.stringify` makes them all at once.
 */
export class LazyList<T> implements Iterable<T> {
  readonly #make: () => Iterable<T>;

  /** @param make called for every time the list is gone through */
  constructor(make: () => Iterable<T>) {
    this.#make = make;
  }

  /** The items with a change to each. */
  static map<S, T>(items: Iterable<S>, change: (item: S) => T): LazyList<T> {
    return new LazyList(function* () {
      for (const item of items) yield change(item);
    });
  }

  /** One list after another. */
  static concat<T>(...lists: readonly Iterable<T>[]): LazyList<T> {
    return new LazyList(function* () {
      for (const list of lists) yield* list;
    });
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#make()[Symbol.iterator]();
  }

  toJSON(): T[] {
    return [...this];
  }
}

/** A text of an answer that is made in pieces; none of them ends inside a character. */
export class LazyText {
  readonly parts: Iterable<string>;

  constructor(parts: Iterable<string>) {
    this.parts = parts;
  }

  toJSON(): string {
    return [...this.parts].join('');
  }
}
