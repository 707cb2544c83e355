import { PAGE_TOKENS } from '../limits.js';

/** Prompts under a policy are cut into blocks of queries at multiples of this many positions; each has selections of its own. */
export const QUERY_BLOCK = 128;

/** What of a policy decides where a text may be cut, and what KV of it others may use. */
export interface PositionFacts {
  /** 1, or QUERY_BLOCK where the selection of a block looks at all of its queries. */
  readonly alignment: number;
  /** Prompt tokens below have the KV of dense attention; a multiple of the alignment and of PAGE_TOKENS. */
  readonly exactBelow: number;
  /** The same of generated tokens, provided that everything before them is exact. */
  readonly exactDecodeBelow: number;
}

const DENSE: PositionFacts = { alignment: 1, exactBelow: Infinity, exactDecodeBelow: Infinity };

/**
 * Where chunks, prefix hits and loads of one text may end, so that nothing it gets depends on where they do: anywhere in what
 * is computed densely and behind the prompt, else at multiples of the alignment and at the end of the prompt. And which of its
 * blocks others may use: what a query gets depends on its phase (by position) and on its whole block of queries.
 */
export class PositionRules {
  /** Leading tokens whose full pages may be shared. */
  readonly shared: number;
  readonly #alignment: number;
  readonly #exactBelow: number;
  readonly #promptLength: number;

  /** @param facts null: dense. */
  constructor(facts: PositionFacts | null, promptLength: number) {
    const { alignment, exactBelow, exactDecodeBelow } = facts ?? DENSE;
    this.#alignment = alignment;
    this.#exactBelow = exactBelow;
    this.#promptLength = promptLength;
    // The last block of queries of a prompt is shorter than that of a longer prompt: its selection is another one.
    const ofPrompt = Math.max(Math.min(exactBelow, promptLength), floorTo(promptLength, alignment));
    this.shared = Math.max(ofPrompt, Math.min(exactBelow, exactDecodeBelow));
  }

  /** Full pages that a text may be given, of which it has `tokens` to give; as tokens. */
  cutPages(tokens: number): number {
    const end = floorTo(tokens, PAGE_TOKENS);
    return this.#mayEnd(end) ? end : Math.max(this.#exactBelow, floorTo(end, this.#alignment));
  }

  /**
   * End of the chunk that begins at `past`: at a page boundary, unless it finishes the text or is shorter than a page.
   *
   * @param limit the most that it may be; above `past`.
   * @param length of the text.
   * @returns `past` when there is no room for a whole block of queries.
   */
  chunkEnd(past: number, limit: number, length: number): number {
    if (limit >= length) return length;
    const page = floorTo(limit, PAGE_TOKENS);
    if (page > past && this.#mayEnd(page)) return page;
    return this.#mayEnd(limit) ? limit : Math.max(past, floorTo(limit, this.#alignment));
  }

  /** Fewest tokens that a chunk from `past` on may have. */
  leastChunk(past: number): number {
    if (this.#mayEnd(past + 1)) return 1;
    return Math.min(this.#promptLength, floorTo(past, this.#alignment) + this.#alignment) - past;
  }

  #mayEnd(position: number): boolean {
    return position <= this.#exactBelow || position >= this.#promptLength || position % this.#alignment === 0;
  }
}

function floorTo(value: number, unit: number): number {
  return Math.floor(value / unit) * unit;
}
