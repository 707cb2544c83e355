import type { Token } from './nodes.js';

/** How a test is marked that has been turned into a filter; no identifier can be spelled so. */
export const TEST_PREFIX = 'is ';
export const NEGATED_PREFIX = 'is not ';

const OPENERS: ReadonlySet<string> = new Set(['OpenParen', 'OpenSquareBracket', 'OpenCurlyBracket']);
const CLOSERS: ReadonlySet<string> = new Set(['CloseParen', 'CloseSquareBracket', 'CloseCurlyBracket']);
const ARGUMENT_STARTS: ReadonlySet<string> = new Set([
  'Identifier',
  'StringLiteral',
  'NumericLiteral',
  'OpenSquareBracket',
  'OpenCurlyBracket',
]);
/** Words that go on with the expression instead of being the argument of a test. */
const NO_ARGUMENT: ReadonlySet<string> = new Set(['and', 'or', 'else', 'if', 'is', 'not', 'in']);

/**
 * Turns `value is test(arguments)` into the filter `value | "is test"(arguments)`: the library's parser knows tests
 * without arguments only, and reads no filter behind a test. The parentheses may be missing around one argument.
 */
export function testsAsFilters(tokens: readonly Token[]): Token[] {
  const out: Token[] = [];
  for (let at = 0; at < tokens.length;) {
    const test = testAt(tokens, at);
    if (test === null) {
      out.push(tokens[at] as Token);
      at++;
      continue;
    }
    const name = (test.negated ? NEGATED_PREFIX : TEST_PREFIX) + test.name;
    out.push(token('|', 'Pipe'), token(name, 'Identifier'));
    if (test.bare === null) {
      at = test.end;
      continue;
    }
    const argument = testsAsFilters(tokens.slice(test.end, test.bare));
    out.push(token('(', 'OpenParen'), ...argument, token(')', 'CloseParen'));
    at = test.bare;
  }
  return out;
}

function token(value: string, type: Token['type']): Token {
  return { value, type };
}

interface FoundTest {
  name: string;
  negated: boolean;
  /** Index behind the name. */
  end: number;
  /** Index behind an argument without parentheses; null without one. */
  bare: number | null;
}

function testAt(tokens: readonly Token[], at: number): FoundTest | null {
  if (!isWord(tokens[at], 'is') || tokens[at - 1]?.type === 'Dot') return null;
  const negated = isWord(tokens[at + 1], 'not');
  const nameAt = at + (negated ? 2 : 1);
  const name = tokens[nameAt];
  const next = tokens[nameAt + 1];
  if (name?.type !== 'Identifier') return null;
  const found = { name: name.value, negated, end: nameAt + 1 };
  const starts = next !== undefined && ARGUMENT_STARTS.has(next.type);
  if (!starts || (next.type === 'Identifier' && NO_ARGUMENT.has(next.value))) return { ...found, bare: null };
  return { ...found, bare: primaryEnd(tokens, nameAt + 1) };
}

function isWord(found: Token | undefined, word: string): boolean {
  return found?.type === 'Identifier' && found.value === word;
}

/** Index behind a name or literal with the members and calls that follow it. */
function primaryEnd(tokens: readonly Token[], start: number): number {
  let at = OPENERS.has(tokens[start]?.type ?? '') ? closeOf(tokens, start) + 1 : start + 1;
  for (;;) {
    const type = tokens[at]?.type;
    if (type === 'Dot') at += 2;
    else if (type === 'OpenParen' || type === 'OpenSquareBracket') at = closeOf(tokens, at) + 1;
    else return at;
  }
}

function closeOf(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    const { type } = tokens[at] as Token;
    if (OPENERS.has(type)) depth++;
    else if (CLOSERS.has(type) && --depth === 0) return at;
  }
  return tokens.length;
}
