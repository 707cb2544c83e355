/** Whose KV it is. Requests of different spaces share none. */
export interface SpaceName {
  readonly tenant: string;
  readonly cacheSalt: string;
}

/** One text for a space; tenant and salt cannot trade letters. */
export function spaceText({ tenant, cacheSalt }: SpaceName): string {
  return `${tenant.length}:${tenant}${cacheSalt}`;
}

/** The spaces remembered; the one used longest ago is forgotten first. */
const MAX_SPACES = 1024;

/** Something for each space, made when it is first asked for. */
export class SpaceTable<T> {
  readonly #make: (name: SpaceName) => T;
  readonly #spaces = new Map<string, T>();

  constructor(make: (name: SpaceName) => T) {
    this.#make = make;
  }

  of(name: SpaceName): T {
    const text = spaceText(name);
    const found = this.#spaces.get(text) ?? this.#make(name);
    this.#spaces.delete(text);
    this.#spaces.set(text, found);
    for (const oldest of this.#spaces.keys()) {
      if (this.#spaces.size <= MAX_SPACES) break;
      this.#spaces.delete(oldest);
    }
    return found;
  }

  all(): Iterable<T> {
    return this.#spaces.values();
  }
}
