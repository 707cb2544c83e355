import { UNITS_PER_STEP } from '../limits.js';
import { classOf, unitsOf } from './char-classes.js';

interface LongRun {
  readonly at: number;
  readonly mask: number;
  reached: number;
  last: number;
  done: boolean;
}

/** What a matcher says when it has looked at enough for now; asked again, it goes on where it was. */
export const PENDING = -1;
const NOWHERE = -1;

/**
 * Finds where runs of characters of some classes end, at most so many units per call: a run of millions of letters is
 * scanned in several goes, and what was scanned is kept until the match is made.
 */
export class RunScanner {
  readonly text: string;
  /** End of the last character of `track` in the run scanned last; negative where there was none. */
  lastTracked = NOWHERE;
  readonly #unitsPerStep: number;
  #long: LongRun[] = [];

  constructor(text: string, unitsPerStep = UNITS_PER_STEP) {
    this.text = text;
    this.#unitsPerStep = unitsPerStep;
  }

  /**
   * End of the run of characters of classes `mask` that begins at `at`; `at` itself where there is none.
   *
   * @param track classes whose last occurrence in the run is wanted, in `lastTracked`
   * @returns PENDING when the end is not reached in one step
   */
  end(at: number, mask: number, track = 0): number {
    const known = this.#long.length === 0 ? undefined : this.#long.find((run) => run.at === at && run.mask === mask);
    if (known?.done === true) return this.#found(known.reached, known.last);
    const { text } = this;
    const stop = Math.min(text.length, (known?.reached ?? at) + this.#unitsPerStep);
    let next = known?.reached ?? at;
    let last = known?.last ?? NOWHERE;
    let ended = false;
    while (next < stop) {
      const codePoint = text.codePointAt(next) ?? 0;
      const found = classOf(codePoint);
      ended = (found & mask) === 0;
      if (ended) break;
      next += unitsOf(codePoint);
      if ((found & track) !== 0) last = next;
    }
    const done = ended || next >= text.length;
    if (known !== undefined) Object.assign(known, { reached: next, last, done });
    else if (!done) this.#long.push({ at, mask, reached: next, last, done });
    return done ? this.#found(next, last) : PENDING;
  }

  /** A match has been made: what was scanned for it is of no more use. */
  forget(): void {
    if (this.#long.length > 0) this.#long = [];
  }

  #found(end: number, last: number): number {
    this.lastTracked = last;
    return end;
  }
}
