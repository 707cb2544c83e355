import { objectAt, stringAt } from '../json.js';
import { compilePattern, translatePattern } from '../pattern.js';
import { foreignSplitter } from './foreign-splitter.js';
import { knownPattern } from './known-patterns.js';
import { knownSplitter, literalSplitter, type Splitter } from './splitter.js';

/** How a part of a pipeline finds its places. */
export type Pattern = { kind: 'literal'; literal: string; split: Splitter } | { kind: 'matched'; split: Splitter };

/** Reads the patterns of one tokenizer and notes those that only an expression engine can match. */
export class PatternReader {
  readonly #foreign: string[] = [];

  /** Expressions, as the file spells them, that may take any time to match. */
  get foreign(): readonly string[] {
    return this.#foreign;
  }

  /**
   * The `pattern` of Replace and Split: `{String}` or `{Regex}`.
   *
   * @param emptyMatches as `foreignSplitter` takes it
   * @throws AppError BAD_TOKENIZER_FILE, UNSUPPORTED_TOKENIZER
   */
  read(value: unknown, where: string, emptyMatches = false): Pattern {
    const pattern = objectAt(value, where);
    const literal = pattern['String'];
    if (typeof literal === 'string') return { kind: 'literal', literal, split: literalSplitter(literal) };
    return { kind: 'matched', split: this.expression(stringAt(pattern['Regex'], `${where}.Regex`), emptyMatches) };
  }

  /** Splits by an expression: with a matcher of ours where it is a known one. */
  expression(source: string, emptyMatches = false): Splitter {
    const known = knownPattern(source);
    if (known !== undefined) return knownSplitter(known);
    translatePattern(source);
    this.#foreign.push(source);
    return foreignSplitter(() => compilePattern(source), emptyMatches);
  }
}
