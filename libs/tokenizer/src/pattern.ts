import { unsupported } from './json.js';
import { MAX_PATTERN_UNITS } from './limits.js';

const WORD = '\\p{L}\\p{M}\\p{N}\\p{Pc}';
const CATEGORY = /^(?:[A-Z][a-z&]?|Any|ASCII|Assigned|Alphabetic|Lowercase|Uppercase|White_Space|Emoji\w*)$/;
/** Must be escaped in a character class of a `v` expression when meant literally. */
const CLASS_PUNCTUATION = /[\^$\\.*+?()[\]{}|/&!#%,:;<=>@`~-]/;
const SYNTAX = /[\^$\\.*+?()[\]{}|/]/;
const MAX_CLASS_DEPTH = 16;
const MAX_SHOWN_UNITS = 200;
const GROUPS = ['(?:', '(?=', '(?!', '(?<=', '(?<!', '(?i:'];

/** Turns one Oniguruma expression into an equal JavaScript one (flag `v`). Throws on what has no equal. */
class Translator {
  readonly #source: string;
  #at = 0;
  #classDepth = 0;

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
    if (char === '.') return '[^\\n]';
    if (char === '^') return '(?<=^|\\n)';
    if (char === '$') return '(?=\\n|$)';
    if ('?*+}'.includes(char) && this.#source[this.#at] === '+') throw this.#fault('possessive quantifiers');
    if (char === '/') return '\\/';
    return char;
  }

  #take(): string {
    const code = this.#source.codePointAt(this.#at);
    if (code === undefined) throw this.#fault('an expression that ends early');
    const char = String.fromCodePoint(code);
    this.#at += char.length;
    return char;
  }

  #group(): string {
    if (this.#source[this.#at] !== '?') return '(?:';
    const open = GROUPS.find((group) => this.#source.startsWith(group, this.#at - 1));
    if (open === undefined) throw this.#fault(`the group ${this.#source.slice(this.#at - 1, this.#at + 3)}`);
    this.#at += open.length - 1;
    return open;
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
      out += this.#classItem(char, first);
    }
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
    if (char === 'x' || char === 'u') return this.#codePoint();
    if ('rntfv'.includes(char)) return '\\' + char;
    if (!inClass && char === 'A') return '^';
    if (!inClass && char === 'z') return '$';
    if (/[A-Za-z0-9]/.test(char)) throw this.#fault(`the escape \\${char}`);
    return (inClass ? CLASS_PUNCTUATION : SYNTAX).test(char) ? '\\' + char : char;
  }

  #property(kind: 'p' | 'P'): string {
    const match = /^\{(\^?)(\w+)\}/.exec(this.#source.slice(this.#at, this.#at + 64));
    if (match === null) throw this.#fault('a property without braces');
    const [whole, not = '', name = ''] = match;
    this.#at += whole.length;
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
