import { CLASS, classOf, LETTER, SIGN, unitsOf, WHITE_SPACE } from './char-classes.js';
import { contractionEnd, type ContractionCase } from './contractions.js';
import { PENDING, type RunScanner } from './run-scanner.js';

/**
 * The expressions that byte-level tokenizers split words by, as facts: contractions, words with at most one leading
 * character, digits, runs of signs, white space.
 */
export interface WordRules {
  /** `'s`, `'t` … as pieces of their own before everything else, as the end of a word, or not at all. */
  readonly contractions: 'first' | 'suffix' | 'none';
  readonly contractionCase: ContractionCase;
  /** What one word takes in front of it: a space, or any character but letters, digits and line ends. */
  readonly lead: 'space' | 'sign';
  /** `cased`: a word ends where lower case turns into upper case. `marked`: combining marks are letters. */
  readonly words: 'letters' | 'marked' | 'cased';
  /** Most digits in one piece. */
  readonly digits: number;
  /** Line ends, or line ends and slashes, that a run of signs takes with it. */
  readonly signTail: 'none' | 'lineEnds' | 'lineEndsAndSlashes';
  /** Line ends are cut off with the white space before them. */
  readonly cutsLineEnds: boolean;
}

const SPACE = 0x20;
const UPPER_PART = CLASS.upper | CLASS.caseless | CLASS.mark;
const LOWER_PART = CLASS.lower | CLASS.caseless | CLASS.mark;
const EITHER_PART = CLASS.caseless | CLASS.mark;
const NO_MATCH = -2;

/** Finds the pieces of one text, one after another; every call costs what it scans, and every unit is scanned a few times at most. */
export class WordMatcher {
  readonly #rules: WordRules;
  readonly #runs: RunScanner;
  readonly #text: string;
  readonly #letters: number;

  constructor(rules: WordRules, runs: RunScanner) {
    this.#rules = rules;
    this.#runs = runs;
    this.#text = runs.text;
    this.#letters = rules.words === 'letters' ? LETTER : LETTER | CLASS.mark;
  }

  /** End of the piece that begins at `at` (every place begins one), or PENDING. */
  end(at: number): number {
    const end = this.#find(at);
    if (end !== PENDING) this.#runs.forget();
    return end;
  }

  #find(at: number): number {
    const { contractions, contractionCase, lead } = this.#rules;
    const codePoint = this.#text.codePointAt(at) ?? 0;
    const found = classOf(codePoint);
    if (contractions === 'first') {
      const contraction = contractionEnd(this.#text, at, contractionCase);
      if (contraction > at) return contraction;
    }
    const leads = lead === 'space' ? codePoint === SPACE : (found & (CLASS.lineEnd | LETTER | CLASS.number)) === 0;
    const word = this.#word(at, leads ? at + unitsOf(codePoint) : at);
    if (word !== NO_MATCH) return word;
    const afterSpace = codePoint === SPACE ? at + 1 : at;
    const digits = this.#digits(lead === 'space' ? afterSpace : at);
    if (digits !== NO_MATCH) return digits;
    const signs = this.#signs(afterSpace);
    return signs === NO_MATCH ? this.#whiteSpace(at) : signs;
  }

  /** @param afterLead where the word begins when it takes a leading character; `at` where there is none */
  #word(at: number, afterLead: number): number {
    const { words } = this.#rules;
    const starts = afterLead === at ? [at] : [afterLead, at];
    if (words === 'cased') return this.#casedWord(starts);
    for (const start of starts) {
      const end = this.#runs.end(start, this.#letters);
      if (end !== start) return end;
    }
    return NO_MATCH;
  }

  /** Upper case, then lower case; else upper case alone. Letters without case are both. */
  #casedWord(starts: readonly number[]): number {
    for (const start of starts) {
      const end = this.#endingInLower(start);
      if (end !== NO_MATCH) return end === PENDING ? PENDING : this.#withSuffix(end);
    }
    for (const start of starts) {
      const end = this.#runs.end(start, UPPER_PART, EITHER_PART);
      if (end !== start) return end === PENDING ? PENDING : this.#withSuffix(end);
    }
    return NO_MATCH;
  }

  #endingInLower(start: number): number {
    const upperEnd = this.#runs.end(start, UPPER_PART, EITHER_PART);
    if (upperEnd === PENDING) return PENDING;
    const lastEither = this.#runs.lastTracked;
    const lowerEnd = this.#runs.end(upperEnd, LOWER_PART);
    if (lowerEnd !== upperEnd) return lowerEnd;
    return lastEither > start ? lastEither : NO_MATCH;
  }

  #withSuffix(end: number): number {
    const { contractions, contractionCase } = this.#rules;
    return contractions === 'suffix' ? contractionEnd(this.#text, end, contractionCase) : end;
  }

  #digits(start: number): number {
    const { digits } = this.#rules;
    if (digits === Infinity) {
      const end = this.#runs.end(start, CLASS.number);
      return end === start ? NO_MATCH : end;
    }
    let end = start;
    for (let count = 0; count < digits && end < this.#text.length; count++) {
      const codePoint = this.#text.codePointAt(end) ?? 0;
      if (classOf(codePoint) !== CLASS.number) break;
      end += unitsOf(codePoint);
    }
    return end === start ? NO_MATCH : end;
  }

  #signs(start: number): number {
    const mask = SIGN | (this.#rules.words === 'marked' ? 0 : CLASS.mark);
    const end = this.#runs.end(start, mask);
    if (end === PENDING) return PENDING;
    return end === start ? NO_MATCH : this.#signTail(end);
  }

  #signTail(start: number): number {
    switch (this.#rules.signTail) {
      case 'none':
        return start;
      case 'lineEnds':
        return this.#runs.end(start, CLASS.lineEnd);
      case 'lineEndsAndSlashes':
        return this.#runs.end(start, CLASS.lineEnd | CLASS.slash);
    }
  }

  #whiteSpace(at: number): number {
    const end = this.#runs.end(at, WHITE_SPACE, CLASS.lineEnd);
    if (end === PENDING) return PENDING;
    if (this.#rules.cutsLineEnds && this.#runs.lastTracked > at) return this.#runs.lastTracked;
    // The last one goes with the word behind it.
    return end === this.#text.length || end - at === 1 ? end : end - 1;
  }
}
