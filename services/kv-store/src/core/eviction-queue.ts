/** What the queue asks about a block at the moment it might be a victim. */
export interface QueueView {
  /** False: not a leaf of the tier any more, or gone; its entry is dropped. */
  present(slot: number): boolean;
  /** `freq * cost / bytes` of the block as it is now. */
  worth(slot: number): number;
}

/**
 * Order of eviction in one tier: GDSF, `H = L + freq * cost / bytes`, smallest first, over the leaves of the tier
 * (kv-cache design, tiering). `L` is the H of the last victim, so what is not used grows old. A heap with lazy
 * deletion: an entry counts only while the block's H is the entry's; it is rebuilt when most of it is out of date.
 */
export class EvictionQueue {
  private slots: number[] = [];
  private readonly keys: number[] = [];
  /** H by slot, set when the block is used. */
  private readonly current: Float64Array;
  private clock = 0;

  constructor(
    capacity: number,
    private readonly view: QueueView,
  ) {
    this.current = new Float64Array(capacity);
  }

  get entries(): number {
    return this.slots.length;
  }

  /** The block was stored or used. */
  touch(slot: number): void {
    this.current[slot] = this.clock + this.view.worth(slot);
    this.offer(slot);
  }

  /** The block has become a leaf: it may go, at the H of its last use. */
  offer(slot: number): void {
    if (!this.view.present(slot)) return;
    this.push(slot, this.current[slot] ?? 0);
    if (this.slots.length > 64 && this.slots.length > 4 * this.lastCompact) this.compact();
  }

  /**
   * Takes out the block with the smallest H that `allowed` lets go, or -1. The others keep their places.
   *
   * @remarks O(log n) a block looked at; every leaf is looked at when none is allowed.
   */
  pop(allowed: (slot: number) => boolean): number {
    const aside: [number, number][] = [];
    let victim = -1;
    while (this.slots.length > 0) {
      const [slot, key] = this.popTop();
      if (!this.view.present(slot) || this.current[slot] !== key) continue;
      if (allowed(slot)) {
        victim = slot;
        this.clock = Math.max(this.clock, key);
        break;
      }
      aside.push([slot, key]);
    }
    let previous = -1;
    for (const [slot, key] of aside) {
      if (slot !== previous) this.push(slot, key);
      previous = slot;
    }
    return victim;
  }

  private lastCompact = 16;

  private compact(): void {
    const live = new Set<number>();
    this.slots.forEach((slot, i) => {
      if (this.view.present(slot) && this.current[slot] === this.keys[i]) live.add(slot);
    });
    this.slots = [];
    this.keys.length = 0;
    for (const slot of live) this.push(slot, this.current[slot] ?? 0);
    this.lastCompact = Math.max(16, live.size);
  }

  private push(slot: number, key: number): void {
    let at = this.slots.length;
    this.slots.push(slot);
    this.keys.push(key);
    while (at > 0) {
      const up = (at - 1) >>> 1;
      if ((this.keys[up] ?? 0) <= key) break;
      this.move(up, at);
      at = up;
    }
    this.slots[at] = slot;
    this.keys[at] = key;
  }

  private popTop(): [number, number] {
    const top: [number, number] = [this.slots[0] ?? -1, this.keys[0] ?? 0];
    const slot = this.slots.pop() ?? -1;
    const key = this.keys.pop() ?? 0;
    const count = this.slots.length;
    if (count === 0) return top;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= count) break;
      if (down + 1 < count && (this.keys[down + 1] ?? 0) < (this.keys[down] ?? 0)) down += 1;
      if ((this.keys[down] ?? 0) >= key) break;
      this.move(down, at);
      at = down;
    }
    this.slots[at] = slot;
    this.keys[at] = key;
    return top;
  }

  private move(from: number, to: number): void {
    this.slots[to] = this.slots[from] ?? -1;
    this.keys[to] = this.keys[from] ?? 0;
  }
}
