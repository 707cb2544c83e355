/** Binary min-heap by a number; the oldest entry comes first. */
export class TickHeap<T> {
  readonly #entries: { tick: number; item: T }[] = [];

  get size(): number {
    return this.#entries.length;
  }

  push(tick: number, item: T): void {
    const entries = this.#entries;
    entries.push({ tick, item });
    for (let child = entries.length - 1; child > 0;) {
      const parent = (child - 1) >> 1;
      if (!this.#swapIfLess(child, parent)) return;
      child = parent;
    }
  }

  pop(): { tick: number; item: T } | undefined {
    const entries = this.#entries;
    const first = entries[0];
    const last = entries.pop();
    if (entries.length === 0 || last === undefined) return first;
    entries[0] = last;
    for (let parent = 0; ;) {
      const left = 2 * parent + 1;
      const right = left + 1;
      const child = right < entries.length && this.#tick(right) < this.#tick(left) ? right : left;
      if (child >= entries.length || !this.#swapIfLess(child, parent)) return first;
      parent = child;
    }
  }

  /** Keeps only what the predicate accepts. */
  retain(accept: (tick: number, item: T) => boolean): void {
    const kept = this.#entries.splice(0).filter((entry) => accept(entry.tick, entry.item));
    for (const entry of kept) this.push(entry.tick, entry.item);
  }

  #tick(index: number): number {
    return this.#entries[index]?.tick ?? Infinity;
  }

  #swapIfLess(child: number, parent: number): boolean {
    const a = this.#entries[child];
    const b = this.#entries[parent];
    if (a === undefined || b === undefined || a.tick >= b.tick) return false;
    this.#entries[child] = b;
    this.#entries[parent] = a;
    return true;
  }
}
