const MAX_PIECE_CHARS = 64;

/**
 * Ids of recent pieces. Bounded: two generations of at most `capacity` entries; a hit in the old one moves it to the
 * young one, and the old one is dropped when the young one is full.
 */
export class PieceCache {
  readonly #capacity: number;
  #young = new Map<string, readonly number[]>();
  #old = new Map<string, readonly number[]>();

  constructor(capacity = 16_384) {
    this.#capacity = capacity;
  }

  get(piece: string): readonly number[] | undefined {
    const hit = this.#young.get(piece);
    if (hit !== undefined || piece.length > MAX_PIECE_CHARS) return hit;
    const old = this.#old.get(piece);
    if (old !== undefined) this.#insert(piece, old);
    return old;
  }

  set(piece: string, ids: readonly number[]): void {
    if (piece.length <= MAX_PIECE_CHARS) this.#insert(piece, ids);
  }

  #insert(piece: string, ids: readonly number[]): void {
    if (this.#young.size >= this.#capacity) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    // A copy: a slice of a prompt would keep the whole prompt in memory.
    this.#young.set(` ${piece}`.slice(1), ids);
  }
}
