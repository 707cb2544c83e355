import { UNITS_PER_STEP } from './limits.js';
import { classOf, WHITE_SPACE } from './split/char-classes.js';
import type { AddedToken } from './vocabulary.js';

interface Node {
  readonly next: Map<number, Node>;
  token: AddedToken | null;
}

/** A stretch of text: an added token, what lies between two, or nothing yet because other work should have its turn. */
export type Segment = { kind: 'token'; id: number } | { kind: 'text'; text: string; start: number } | { kind: 'pause' };

const PAUSE: Segment = { kind: 'pause' };

export interface MatchRules {
  /** Special tokens written in the text are read as such; otherwise as any other text. */
  parseSpecial: boolean;
  /** Offset → true where a token must not be read although it is spelled there. */
  isLiteral(offset: number): boolean;
}

const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

function charBefore(text: string, at: number): string {
  const low = at > 1 && text.codePointAt(at - 2);
  return typeof low === 'number' && low > 0xffff ? text.slice(at - 2, at) : text.slice(Math.max(0, at - 1), at);
}

function charAfter(text: string, at: number): string {
  return String.fromCodePoint(text.codePointAt(at) ?? 0);
}

/**
 * Finds added tokens in text: leftmost first, the longest of those that start together, as `tokenizers` does. Cost is
 * O(length of text × length of the longest token) at worst; a text without first letters of tokens costs one look-up
 * per character.
 */
export class AddedTokenMatcher {
  readonly #root: Node = { next: new Map(), token: null };
  readonly #firstUnits = new Uint8Array(0x10000);
  readonly #empty: boolean;
  readonly #unitsPerStep: number;
  /** Units that the last look-up had to read. */
  #looked = 0;

  /**
   * @param tokens with the spelling to look for, which differs from `content` when it was normalised
   * @param unitsPerStep units read between two pauses
   */
  constructor(tokens: readonly { spelling: string; token: AddedToken }[], unitsPerStep = UNITS_PER_STEP) {
    this.#unitsPerStep = unitsPerStep;
    this.#empty = tokens.length === 0;
    // Of two tokens that normalising makes alike the special one is read.
    const specialFirst = [...tokens].sort((a, b) => Number(b.token.special) - Number(a.token.special));
    for (const { spelling, token } of specialFirst) {
      if (spelling === '') continue;
      this.#firstUnits[spelling.charCodeAt(0)] = 1;
      let node = this.#root;
      for (let i = 0; i < spelling.length; i++) {
        const unit = spelling.charCodeAt(i);
        const next = node.next.get(unit) ?? { next: new Map<number, Node>(), token: null };
        node.next.set(unit, next);
        node = next;
      }
      node.token ??= token;
    }
  }

  /** Cuts a text at the added tokens in it. Empty stretches are left out. */
  *split(text: string, rules: MatchRules): Generator<Segment> {
    let done = 0;
    let looked = 0;
    for (let at = 0; !this.#empty && at < text.length; at++) {
      if (++looked >= this.#unitsPerStep) {
        looked = 0;
        yield PAUSE;
      }
      if (this.#firstUnits[text.charCodeAt(at)] === 0) continue;
      const found = this.#longestAt(text, at);
      looked += this.#looked;
      if (found === null) continue;
      const end = at + found.length;
      if (this.#applies(found.token, text, { start: at, end, rules })) {
        const start = found.token.lstrip ? yield* spaceStart(text, at, done) : at;
        const stop = found.token.rstrip ? yield* spaceEnd(text, end) : end;
        if (start > done) yield { kind: 'text', text: text.slice(done, start), start: done };
        // Nothing is left of a token of white space that the one before has taken with it.
        if (stop > start) {
          yield { kind: 'token', id: found.token.id };
          done = stop;
        }
      }
      at = end - 1;
    }
    if (done < text.length) yield { kind: 'text', text: text.slice(done), start: done };
  }

  #longestAt(text: string, at: number): { token: AddedToken; length: number } | null {
    let best: { token: AddedToken; length: number } | null = null;
    let node: Node | undefined = this.#root;
    let i = at;
    for (; i < text.length; i++) {
      node = node.next.get(text.charCodeAt(i));
      if (node === undefined) break;
      if (node.token !== null) best = { token: node.token, length: i + 1 - at };
    }
    this.#looked = i - at;
    return best;
  }

  #applies(token: AddedToken, text: string, at: { start: number; end: number; rules: MatchRules }): boolean {
    if (token.special && !at.rules.parseSpecial) return false;
    if (at.rules.isLiteral(at.start)) return false;
    if (!token.singleWord) return true;
    const openLeft = at.start === 0 || !WORD.test(charBefore(text, at.start));
    const openRight = at.end === text.length || !WORD.test(charAfter(text, at.end));
    return openLeft && openRight;
  }
}

/** White space is never outside the BMP. */
function isSpace(text: string, at: number): boolean {
  return (classOf(text.charCodeAt(at)) & WHITE_SPACE) !== 0;
}

/** Where the white space that ends at `at` begins, not before `floor`. */
function* spaceStart(text: string, at: number, floor: number): Generator<Segment, number> {
  let start = at;
  while (start > floor && isSpace(text, start - 1)) if (--start % UNITS_PER_STEP === 0) yield PAUSE;
  return Math.max(start, floor);
}

function* spaceEnd(text: string, at: number): Generator<Segment, number> {
  let end = at;
  while (end < text.length && isSpace(text, end)) if (++end % UNITS_PER_STEP === 0) yield PAUSE;
  return end;
}
