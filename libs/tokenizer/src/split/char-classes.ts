/** Bits of the classes that split patterns tell apart; every code point has exactly one. */
export const CLASS = {
  other: 1,
  upper: 2,
  lower: 4,
  /** Letters without case, Lm and Lo. */
  caseless: 8,
  mark: 16,
  number: 32,
  space: 64,
  lineEnd: 128,
  /** Signs like others, but some patterns let them follow line ends. */
  slash: 256,
} as const;

export const LETTER = CLASS.upper | CLASS.lower | CLASS.caseless;
export const WHITE_SPACE = CLASS.space | CLASS.lineEnd;
export const SIGN = CLASS.other | CLASS.slash;

const PAGE = 256;
const LAST_BMP = 0xffff;
const EXPRESSIONS: readonly (readonly [RegExp, number])[] = [
  [/[\r\n]/u, CLASS.lineEnd],
  [/\//u, CLASS.slash],
  [/\p{White_Space}/u, CLASS.space],
  [/\p{Ll}/u, CLASS.lower],
  [/[\p{Lu}\p{Lt}]/u, CLASS.upper],
  [/\p{L}/u, CLASS.caseless],
  [/\p{N}/u, CLASS.number],
  [/\p{M}/u, CLASS.mark],
];

const pages: (Uint16Array | undefined)[] = [];

function classify(codePoint: number): number {
  const char = String.fromCodePoint(codePoint);
  return EXPRESSIONS.find(([expression]) => expression.test(char))?.[1] ?? CLASS.other;
}

function fillPage(page: number): Uint16Array {
  const classes = Uint16Array.from({ length: PAGE }, (_, low) => classify(page * PAGE + low));
  pages[page] = classes;
  return classes;
}

/** The class of a code point. Tables are filled 256 code points at a time, when they are first needed. */
export function classOf(codePoint: number): number {
  return (pages[codePoint >> 8] ?? fillPage(codePoint >> 8))[codePoint & 0xff] ?? CLASS.other;
}

/** UTF-16 units of a code point. */
export function unitsOf(codePoint: number): 1 | 2 {
  return codePoint > LAST_BMP ? 2 : 1;
}
