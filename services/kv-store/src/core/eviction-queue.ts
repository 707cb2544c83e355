/** What the queue asks about a block at the moment it might be a victim. */
export interface QueueView {
  /** False: not a leaf of the tier any more, or gone; its entry is dropped. */
  present(slot: number): boolean;
  /** `freq * cost / bytes` of the block as it is now. */
  worth(slot: number): number;
}

interface Entry {
  readonly slot: number;
  readonly key: number;
  readonly order: number;
}

/**
 * Order of eviction in one tier: GDSF, `H = L + freq * cost / bytes`, smallest first, over the leaves of the tier
 * (kv-cache design, tiering). `L` is the H of the last victim, so what is not used grows old. A heap with lazy
 * deletion: an entry counts only while the block's H is the entry's; it is rebuilt when most of it is out of date.
 */
export class EvictionQueue {
  private heap: Entry[] = [];
  /** H by slot, set when the block is used. */
  private readonly current: Float64Array;
  private clock = 0;
  private order = 0;
  private lastCompact = 16;

  constructor(
    capacity: number,
    private readonly view: QueueView,
  ) {
    this.current = new Float64Array(capacity);
  }

  /** Entries kept, those out of date included. */
  get entries(): number {
    return this.heap.length;
  }

  /** The block was stored or used. */
  touch(slot: number): void {
    this.current[slot] = this.clock + this.view.worth(slot);
    this.offer(slot);
  }

  /** The block has become a leaf: it may go, at the H of its last use. */
  offer(slot: number): void {
    if (!this.view.present(slot)) return;
    this.push({ slot, key: this.current[slot] ?? 0, order: (this.order += 1) });
    if (this.heap.length > 64 && this.heap.length > 4 * this.lastCompact) this.compact();
  }

  /**
   * Takes out the block with the smallest H that `allowed` lets go, the one used longest ago among equals, or -1. The
   * others keep their places.
   *
   * @remarks O(log n) a block looked at; every leaf is looked at when none is allowed.
   */
  pop(allowed: (slot: number) => boolean): number {
    const aside: Entry[] = [];
    let victim = -1;
    for (let top = this.popTop(); top; top = this.popTop()) {
      if (!this.valid(top)) continue;
      if (allowed(top.slot)) {
        victim = top.slot;
        this.clock = Math.max(this.clock, top.key);
        break;
      }
      aside.push(top);
    }
    for (const entry of aside) this.push(entry);
    return victim;
  }

  private valid({ slot, key }: Entry): boolean {
    return this.view.present(slot) && this.current[slot] === key;
  }

  /** Drops what is out of date, and all but the latest entry of a block. */
  private compact(): void {
    const latest = new Map<number, Entry>();
    for (const entry of this.heap) {
      if (this.valid(entry) && entry.order > (latest.get(entry.slot)?.order ?? 0)) latest.set(entry.slot, entry);
    }
    this.heap = [];
    for (const entry of latest.values()) this.push(entry);
    this.lastCompact = Math.max(16, latest.size);
  }

  private push(entry: Entry): void {
    let at = this.heap.length;
    this.heap.push(entry);
    while (at > 0) {
      const up = (at - 1) >>> 1;
      const above = this.heap[up];
      if (!above || !before(entry, above)) break;
      this.heap[at] = above;
      at = up;
    }
    this.heap[at] = entry;
  }

  private popTop(): Entry | undefined {
    const top = this.heap[0];
    const last = this.heap.pop();
    if (!last || this.heap.length === 0) return top;
    let at = 0;
    for (;;) {
      const left = this.heap[2 * at + 1];
      const right = this.heap[2 * at + 2];
      const smaller = left && right && before(right, left) ? right : left;
      if (!smaller || !before(smaller, last)) break;
      this.heap[at] = smaller;
      at = 2 * at + (smaller === left ? 1 : 2);
    }
    this.heap[at] = last;
    return top;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.key === b.key ? a.order < b.order : a.key < b.key;
}
