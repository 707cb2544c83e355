import type { StopMatcher } from '../ports.js';

/** Text ready to be shown, and the stop string it ran into. */
export interface Emission {
  text: string;
  stopped: string | null;
}

/** What a token adds to the text that is shown, and to the text with special tokens. */
export interface TextPiece {
  shown: string;
  full: string;
}

interface Hit {
  stop: string;
  /** Positions in the shown text. */
  start: number;
  end: number;
}

/**
 * Looks for stop strings in the text with its special tokens as well as in the text that is shown, so that a special
 * token can stop an answer that does not show it, and no shown text contains a stop string. Of two that are found, the
 * one that ends first counts; of two that end together, the longer one.
 */
export class StopScan {
  readonly #full: StopMatcher;
  /** Null where the shown text has the special tokens. */
  readonly #shown: StopMatcher | null;
  readonly #includeStopString: boolean;
  readonly #positions = new ShownPositions();
  #fullReleased = 0;
  #shownReleased = 0;
  /** Shown text that is held back, and where it begins. */
  #held = '';
  #heldFrom = 0;

  constructor(matchers: { full: StopMatcher; shown: StopMatcher | null }, includeStopString: boolean) {
    this.#full = matchers.full;
    this.#shown = matchers.shown;
    this.#includeStopString = includeStopString;
  }

  push(piece: TextPiece): Emission {
    this.#held += piece.shown;
    this.#positions.add(piece);
    const hits = [this.#pushFull(piece.full), this.#pushShown(piece.shown)].filter((hit) => hit !== null);
    const first = hits.sort((a, b) => a.end - b.end || b.stop.length - a.stop.length)[0];
    if (first !== undefined) {
      const text = this.#take(first.start) + (this.#includeStopString ? first.stop : '');
      return { text, stopped: first.stop };
    }
    const free = this.#positions.at(this.#fullReleased);
    this.#positions.forget(this.#fullReleased);
    return { text: this.#take(this.#shown === null ? free : Math.min(free, this.#shownReleased)), stopped: null };
  }

  /** What was held back, when no more text comes. */
  finish(): string {
    return this.#take(this.#heldFrom + this.#held.length);
  }

  #pushFull(text: string): Hit | null {
    const { text: released, stopped } = this.#full.push(text);
    this.#fullReleased += released.length;
    if (stopped === null) return null;
    const start = this.#positions.at(this.#fullReleased);
    return { stop: stopped, start, end: this.#positions.at(this.#fullReleased + stopped.length) };
  }

  #pushShown(text: string): Hit | null {
    if (this.#shown === null) return null;
    const { text: released, stopped } = this.#shown.push(text);
    this.#shownReleased += released.length;
    const start = this.#shownReleased;
    return stopped === null ? null : { stop: stopped, start, end: start + stopped.length };
  }

  #take(end: number): string {
    const length = end - this.#heldFrom;
    const text = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    this.#heldFrom = end;
    return text;
  }
}

/** Where in the shown text a position of the full text is. */
class ShownPositions {
  readonly #pieces: { fullEnd: number; shownEnd: number }[] = [];
  #fullEnd = 0;
  #shownEnd = 0;
  /** Shown position where the first piece begins. */
  #begin = 0;

  add({ full, shown }: TextPiece): void {
    this.#fullEnd += full.length;
    this.#shownEnd += shown.length;
    this.#pieces.push({ fullEnd: this.#fullEnd, shownEnd: this.#shownEnd });
  }

  /** Two texts of a piece that differ are aligned at their ends: what differs are bytes left over from before. */
  at(full: number): number {
    let begin = this.#begin;
    for (const { fullEnd, shownEnd } of this.#pieces) {
      if (full < fullEnd) return Math.max(begin, shownEnd - (fullEnd - full));
      begin = shownEnd;
    }
    return begin;
  }

  /** Positions before this one are not asked for again. */
  forget(full: number): void {
    for (let [first] = this.#pieces; first !== undefined && first.fullEnd <= full; [first] = this.#pieces) {
      this.#begin = first.shownEnd;
      this.#pieces.shift();
    }
  }
}
