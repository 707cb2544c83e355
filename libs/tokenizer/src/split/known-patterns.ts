import { CLASS, classOf, WHITE_SPACE } from './char-classes.js';
import { characterSet } from './character-set.js';
import type { WordRules } from './word-matcher.js';

/** `[class]{least,most}`: runs of characters of a kind, cut after so many. */
export interface RunRules {
  has(codePoint: number): boolean;
  readonly least: number;
  readonly most: number;
}

export type KnownPattern = { kind: 'words'; rules: WordRules } | { kind: 'run'; rules: RunRules };

/** The expression of GPT-2, which ByteLevel splits by. */
export const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const SHORT_CONTRACTIONS = "'(?i:[sdmt]|ll|ve|re)";
const LINE_ENDS = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const LEAD = '[^\\r\\n\\p{L}\\p{N}]?';
const UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
const DIGITS: readonly (readonly [string, number])[] = [
  ['\\p{N}', 1],
  ['\\p{N}{1,3}', 3],
  ['\\p{N}+', Infinity],
];

const base = { contractions: 'first', contractionCase: 'any', lead: 'sign', cutsLineEnds: true } as const;

function wordPatterns(digits: string, most: number): [string, WordRules][] {
  const rest = ` ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${LINE_ENDS}`;
  const markedRest = ` ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${LINE_ENDS}`;
  const rules = { ...base, digits: most, signTail: 'lineEnds' } as const;
  return [CONTRACTIONS, SHORT_CONTRACTIONS].flatMap((first) => [
    [`${first}|${LEAD}\\p{L}+|${digits}|${rest}`, { ...rules, words: 'letters' }],
    [`${first}|${LEAD}[\\p{L}\\p{M}]+|${digits}|${markedRest}`, { ...rules, words: 'marked' }],
  ]);
}

function casedPatterns(digits: string, most: number): [string, WordRules][] {
  const tails = [
    ['[\\r\\n/]*', 'lineEndsAndSlashes'],
    ['[\\r\\n]*', 'lineEnds'],
  ] as const;
  const suffixes = [
    [`${CONTRACTIONS}?`, 'suffix'],
    ['', 'none'],
  ] as const;
  return tails.flatMap(([tail, signTail]) =>
    suffixes.map(([suffix, contractions]): [string, WordRules] => [
      `${LEAD}${UPPER}*${LOWER}+${suffix}|${LEAD}${UPPER}+${LOWER}*${suffix}|${digits}|` +
        ` ?[^\\s\\p{L}\\p{N}]+${tail}|${LINE_ENDS}`,
      { ...base, contractions, words: 'cased', digits: most, signTail },
    ]),
  );
}

const GPT2_RULES: WordRules = {
  ...{ contractions: 'first', contractionCase: 'lower', lead: 'space', words: 'letters' },
  ...{ digits: Infinity, signTail: 'none', cutsLineEnds: false },
};

function ofClass(mask: number): (codePoint: number) => boolean {
  return (codePoint) => (classOf(codePoint) & mask) !== 0;
}

const RUNS: readonly (readonly [string, RunRules])[] = [
  ...DIGITS.map(([digits, most]) => [digits, { has: ofClass(CLASS.number), least: 1, most }] as const),
  ['\\s', { has: ofClass(WHITE_SPACE), least: 1, most: 1 }],
  ['\\s+', { has: ofClass(WHITE_SPACE), least: 1, most: Infinity }],
  ['[\\r\\n]', { has: ofClass(CLASS.lineEnd), least: 1, most: 1 }],
  ['[\\r\\n]+', { has: ofClass(CLASS.lineEnd), least: 1, most: Infinity }],
  // The default of llama.cpp.
  ['[\\p{P}$+<=>^~|]+', { has: characterSet(/[\p{P}$+<=>^~|]/u), least: 1, most: Infinity }],
  ['[0-9][0-9][0-9]', { has: (codePoint) => codePoint >= 0x30 && codePoint <= 0x39, least: 3, most: 3 }],
];

const KNOWN: ReadonlyMap<string, KnownPattern> = new Map([
  [GPT2, { kind: 'words', rules: GPT2_RULES } as KnownPattern],
  ...RUNS.map(([source, rules]): [string, KnownPattern] => [source, { kind: 'run', rules }]),
  ...DIGITS.flatMap(([digits, most]) => [...wordPatterns(digits, most), ...casedPatterns(digits, most)]).map(
    ([source, rules]): [string, KnownPattern] => [source, { kind: 'words', rules }],
  ),
]);

/** Every expression that is matched without an expression engine. */
export const KNOWN_SOURCES: readonly string[] = [...KNOWN.keys()];

/** What an expression of a tokenizer.json means, where it is one of those that known families use. */
export function knownPattern(source: string): KnownPattern | undefined {
  return KNOWN.get(source);
}
