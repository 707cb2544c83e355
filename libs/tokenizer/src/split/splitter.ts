import { UNITS_PER_STEP } from '../limits.js';
import { unitsOf } from './char-classes.js';
import type { KnownPattern, RunRules } from './known-patterns.js';
import { PENDING, RunScanner } from './run-scanner.js';
import { WordMatcher, type WordRules } from './word-matcher.js';

/** A match of a pattern, or the gap between two. */
export interface Span {
  readonly text: string;
  readonly match: boolean;
}

/** In place of a span: so much was looked at that other work should have its turn. */
export const PAUSE = null;

/** Cuts a text into matches and gaps, in order, lazily. */
export type Splitter = (text: string) => Generator<Span | typeof PAUSE, void>;

/** Splits by a literal string; the empty one is found nowhere. */
export function literalSplitter(literal: string): Splitter {
  return function* (text) {
    let done = 0;
    for (let from = 0; literal !== '' && from < text.length;) {
      // A window, so that one search does not run through megabytes.
      const window = text.slice(from, from + UNITS_PER_STEP + literal.length - 1);
      const at = window.indexOf(literal);
      if (at < 0) {
        from += UNITS_PER_STEP;
        yield PAUSE;
        continue;
      }
      const start = from + at;
      if (start > done) yield { text: text.slice(done, start), match: false };
      yield { text: literal, match: true };
      done = from = start + literal.length;
    }
    if (done < text.length) yield { text: text.slice(done), match: false };
  };
}

/** Splits by one of the patterns that known families use, in linear time. */
export function knownSplitter(pattern: KnownPattern, unitsPerStep = UNITS_PER_STEP): Splitter {
  return pattern.kind === 'words'
    ? (text) => wordSpans(text, pattern.rules, unitsPerStep)
    : (text) => runSpans(text, pattern.rules, unitsPerStep);
}

function* wordSpans(text: string, rules: WordRules, unitsPerStep: number): Generator<Span | typeof PAUSE, void> {
  const matcher = new WordMatcher(rules, new RunScanner(text, unitsPerStep));
  for (let at = 0; at < text.length;) {
    const end = matcher.end(at);
    if (end === PENDING) {
      yield PAUSE;
      continue;
    }
    yield { text: text.slice(at, end), match: true };
    at = end;
  }
}

function* runSpans(text: string, rules: RunRules, unitsPerStep: number): Generator<Span | typeof PAUSE, void> {
  const { has, least, most } = rules;
  let done = 0;
  let start = 0;
  let count = 0;
  const spans = function* (end: number): Generator<Span, void> {
    if (start > done) yield { text: text.slice(done, start), match: false };
    yield { text: text.slice(start, end), match: true };
    done = end;
    count = 0;
  };
  for (let at = 0, step = 0; at < text.length;) {
    if (++step % unitsPerStep === 0) yield PAUSE;
    const codePoint = text.codePointAt(at) ?? 0;
    if (has(codePoint)) {
      if (count++ === 0) start = at;
      at += unitsOf(codePoint);
      if (count === most) yield* spans(at);
    } else {
      if (count >= least) yield* spans(at);
      count = 0;
      at += unitsOf(codePoint);
    }
  }
  if (count >= least) yield* spans(text.length);
  if (done < text.length) yield { text: text.slice(done), match: false };
}
