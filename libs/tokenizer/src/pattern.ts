import { casesBeyond, casesOf } from './case-folding.js';
import { unsupported } from './json.js';
import { MAX_PATTERN_UNITS } from './limits.js';

const WORD = '\\p{L}\\p{M}\\p{N}\\p{Pc}';
const CATEGORY = /^(?:[A-Z][a-z&]?|Any|ASCII|Assigned|Alphabetic|Lowercase|Uppercase|White_Space|Emoji\w*)$/;
/** Must be escaped in a character class of a `v` expression when meant literally. */
const CLASS_PUNCTUATION = /[\^$\\.*+?()[\]{}|/&!#%,:;<=>@`~-]/;
const SYNTAX = /[\^$\\.*+?()[\]{}|/]/;
const MAX_CLASS_DEPTH = 16;
const MAX_SHOWN_UNITS = 200;
const MAX_CASES = 65_536;
const ANY_CASE = '(?i:';
const GROUPS = ['(?:', '(?=', '(?!', '(?<=', '(?<!', ANY_CASE];
const CASED = /^(?:Lu|Ll|Lt|Lowercase|Uppercase)$/;

/** The character that a piece of a JavaScript expression stands for, where it is one character. */
function codePointOf(item: string): number | undefined {
  const hex = /^\\u\{([0-9a-fA-F]+)\}$/.exec(item)?.[1];
  if (hex !== undefined) return parseInt(hex, 16);
  const char = item.startsWith('\\') ? item.slice(1) : item;
  const codePoint = char.codePointAt(0);
  if (codePoint === undefined || char !== String.fromCodePoint(codePoint)) return undefined;
  return item !== char && /[A-Za-z]/.test(char) ? undefined : codePoint;
}

function escaped(codePoint: number): string {
  return `\\u{${codePoint.toString(16)}}`;
}

/** Turns one Oniguruma expression into an equal JavaScript one (flag `v`). Throws on what has no equal. */
class Translator {
  readonly #source: string;
  #at = 0;
  #classDepth = 0;
  /** Of every open group: whether upper and lower case are the same in it. */
  readonly #groups: boolean[] = [];
  #cases = 0;

  constructor(source: string) {
    this.#source = source;
  }

  translate(): string {
    let out = '';
    while (this.#at < this.#source.length) out += this.#item();
    return out;
  }

  #item(): string {
    const char = this.#take();
    if (char === '\\') return this.#escape(false);
    if (char === '[') return this.#class();
    if (char === '(') return this.#group();
    if (char === ')') this.#groups.pop();
    if (char === '.') return '[^\\n]';
    if (char === '^') return '(?<=^|\\n)';
    if (char === '$') return '(?=\\n|$)';
    if ('?*+}'.includes(char) && this.#source[this.#at] === '+') throw this.#fault('possessive quantifiers');
    if (char === '/') return '\\/';
    return this.#literal(char);
  }

  /** A character outside a class. JavaScript's own group for any case is not used: V8 loses matches in it at times. */
  #literal(item: string): string {
    const codePoint = this.#anyCase ? codePointOf(item) : undefined;
    if (codePoint === undefined) return item;
    const cases = casesOf(codePoint);
    return cases.length === 1 ? item : `[${this.#all(cases)}]`;
  }

  get #anyCase(): boolean {
    return this.#groups.at(-1) === true;
  }

  #all(codePoints: readonly number[]): string {
    this.#cases += codePoints.length;
    if (this.#cases > MAX_CASES) throw this.#fault(`over ${MAX_CASES} characters in any case`);
    return codePoints.map(escaped).join('');
  }

  #take(): string {
    const code = this.#source.codePointAt(this.#at);
    if (code === undefined) throw this.#fault('an expression that ends early');
    const char = String.fromCodePoint(code);
    this.#at += char.length;
    return char;
  }

  #group(): string {
    if (this.#source[this.#at] !== '?') return this.#open('(?:');
    const open = GROUPS.find((group) => this.#source.startsWith(group, this.#at - 1));
    if (open === undefined) throw this.#fault(`the group ${this.#source.slice(this.#at - 1, this.#at + 3)}`);
    this.#at += open.length - 1;
    return this.#open(open);
  }

  #open(group: string): string {
    this.#groups.push(group === ANY_CASE || this.#anyCase);
    return group === ANY_CASE ? '(?:' : group;
  }

  #class(): string {
    if (++this.#classDepth > MAX_CLASS_DEPTH) throw this.#fault(`classes nested deeper than ${MAX_CLASS_DEPTH}`);
    let out = '[';
    if (this.#source[this.#at] === '^') out += this.#take();
    if (this.#source.startsWith('[:', this.#at)) throw this.#fault('POSIX classes');
    for (let first = true; ; first = false) {
      const char = this.#take();
      if (char === ']' && !first) {
        this.#classDepth--;
        return out + ']';
      }
      const item = this.#classItem(char, first);
      out += this.#anyCase ? this.#classItemInAnyCase(item) : item;
    }
  }

  #classItemInAnyCase(item: string): string {
    const from = codePointOf(item);
    if (from === undefined) return item;
    const next = this.#source[this.#at + 1];
    if (this.#source[this.#at] !== '-' || next === undefined || next === ']') return this.#all(casesOf(from));
    this.#take();
    const end = this.#classItem(this.#take(), true);
    const to = codePointOf(end);
    if (to === undefined) throw this.#fault('a range without an end');
    return `${item}-${end}${this.#all(casesBeyond(from, to))}`;
  }

  #classItem(char: string, first: boolean): string {
    if (char === '\\') return this.#escape(true);
    if (char === '[') return this.#class();
    if (char === '&' && this.#source[this.#at] === '&') return char + this.#take();
    if (char === '-' && !first && this.#source[this.#at] !== ']') return char;
    return CLASS_PUNCTUATION.test(char) ? '\\' + char : char;
  }

  #escape(inClass: boolean): string {
    const char = this.#take();
    const wrap = (members: string): string => (inClass ? members : `[${members}]`);
    if (char === 's') return '\\p{White_Space}';
    if (char === 'S') return '\\P{White_Space}';
    if (char === 'd') return '\\p{Nd}';
    if (char === 'D') return '\\P{Nd}';
    if (char === 'w') return wrap(WORD);
    if (char === 'W') return `[^${WORD}]`;
    if (char === 'h') return wrap('0-9a-fA-F');
    if (char === 'p' || char === 'P') return this.#property(char);
    if (char === 'x' || char === 'u') return this.#codePointEscape(inClass);
    if ('rntfv'.includes(char)) return '\\' + char;
    if (!inClass && char === 'A') return '^';
    if (!inClass && char === 'z') return '$';
    if (/[A-Za-z0-9]/.test(char)) throw this.#fault(`the escape \\${char}`);
    return (inClass ? CLASS_PUNCTUATION : SYNTAX).test(char) ? '\\' + char : char;
  }

  #codePointEscape(inClass: boolean): string {
    const item = this.#codePoint();
    return inClass ? item : this.#literal(item);
  }

  #property(kind: 'p' | 'P'): string {
    const match = /^\{(\^?)(\w+)\}/.exec(this.#source.slice(this.#at, this.#at + 64));
    if (match === null) throw this.#fault('a property without braces');
    const [whole, not = '', name = ''] = match;
    this.#at += whole.length;
    if (this.#anyCase && CASED.test(name)) throw this.#fault(`\\${kind}${whole} where case does not count`);
    const negated = (kind === 'P') !== (not === '^');
    return `\\${negated ? 'P' : 'p'}{${CATEGORY.test(name) ? name : `Script=${name}`}}`;
  }

  #codePoint(): string {
    const match = /^(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{2,4}))/.exec(this.#source.slice(this.#at, this.#at + 8));
    if (match === null) throw this.#fault('a malformed code point');
    const braced = match[1] !== undefined;
    const digits = match[1] ?? match[2]?.slice(0, this.#source[this.#at - 1] === 'x' ? 2 : 4) ?? '';
    this.#at += braced ? digits.length + 2 : digits.length;
    return `\\u{${digits}}`;
  }

  #fault(what: string): Error {
    return unsupported(`the expression ${shown(this.#source)} uses ${what}, which is not supported.`);
  }
}

/** An expression in an error message: a file may hold one of any length. */
function shown(source: string): string {
  return JSON.stringify(source.slice(0, MAX_SHOWN_UNITS));
}

/**
 * An expression of a tokenizer.json (Oniguruma syntax as `tokenizers` reads it) in JavaScript's syntax, flags `gv`.
 * `\s`, `\d` and `\w` get Oniguruma's Unicode meaning, which differs from JavaScript's (U+0085, U+FEFF). Takes time
 * linear in its length; compiling and running the result may not.
 *
 * @throws AppError UNSUPPORTED_TOKENIZER for constructs without an equal (possessive, atomic, named groups, POSIX
 *   classes) and for over 16,384 units
 */
export function translatePattern(source: string): string {
  if (source.length > MAX_PATTERN_UNITS) {
    throw unsupported(`an expression of ${source.length} units; at most ${MAX_PATTERN_UNITS} are read.`);
  }
  return new Translator(source).translate();
}

/**
 * Compiles an expression of a tokenizer.json. Never where others wait: an expression may take for ever.
 *
 * @throws AppError UNSUPPORTED_TOKENIZER as `translatePattern` does, and for what is no expression at all
 */
export function compilePattern(source: string): RegExp {
  const translated = translatePattern(source);
  try {
    return new RegExp(translated, 'gv');
  } catch (cause) {
    throw unsupported(`the expression ${shown(source)} cannot be compiled.`, cause);
  }
}
