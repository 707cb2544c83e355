/**
 * Python's `str` methods. Positions are found in a *plain* view of the text, which has the same length: text from users
 * may carry marks in place of some characters, and a template must not see them.
 */
export type Plain = (text: string) => string;

/** The view of text without marks. */
export const unmarked: Plain = (text) => text;

/** What Python counts as white space; JavaScript's own set differs. */
const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const IS_SPACE = new RegExp(`^[${SPACE}]$`, 'u');
const WORDS = new RegExp(`[^${SPACE}]+`, 'gu');
const LINE_ENDS = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/gu;
const CASED = /\p{Cased}/u;

/** Titlecase letters that are not the uppercase ones. */
const TITLE: Readonly<Record<string, string>> = Object.fromEntries(
  [...'ǄǅǆǇǈǉǊǋǌǱǲǳ'].map((char, i) => [char, [...'ǅǈǋǲ'][Math.floor(i / 3)] ?? char]),
);

const isSpace = (char: string): boolean => IS_SPACE.test(char);

function charAt(text: string, index: number): string {
  return String.fromCodePoint(text.codePointAt(index) ?? 0);
}

function charBefore(text: string, end: number): string {
  const pair = end > 1 ? (text.codePointAt(end - 2) ?? 0) : 0;
  return pair > 0xffff ? text.slice(end - 2, end) : text.slice(end - 1, end);
}

export interface Strip {
  /** Characters to take off; null: white space. */
  chars: string | null;
  left: boolean;
  right: boolean;
}

export function strip(text: string, { chars, left, right }: Strip, plain: Plain): string {
  const view = plain(text);
  const set = chars === null ? null : new Set(plain(chars));
  const taken = (char: string): boolean => (set === null ? isSpace(char) : set.has(char));
  let start = 0;
  let end = view.length;
  while (left && start < end && taken(charAt(view, start))) start += charAt(view, start).length;
  while (right && end > start && taken(charBefore(view, end))) end -= charBefore(view, end).length;
  return text.slice(start, end);
}

/** `str.split`, or `str.rsplit` with `fromRight`. @param separator null: runs of white space. */
export function split(
  text: string,
  { separator, max, fromRight }: { separator: string | null; max: number; fromRight: boolean },
  plain: Plain,
): string[] {
  if (separator === null) return splitWords(text, max, fromRight, plain);
  if (separator === '') throw new Error('empty separator');
  const gaps = gapsOf(plain(text), plain(separator), fromRight);
  return between(text, some(gaps, max, fromRight), { first: 0, last: text.length });
}

/** With a limit, the rest keeps its white space at the end where splitting stopped. */
function splitWords(text: string, max: number, fromRight: boolean, plain: Plain): string[] {
  const gaps = spaceGaps(plain(text));
  const [lead, trail] = [gaps[0], gaps.at(-1)];
  if (lead === undefined || trail === undefined) return [];
  const inner = gaps.slice(1, -1);
  const limited = max >= 0 && inner.length >= max;
  return between(text, some(inner, max, fromRight), {
    first: limited && fromRight ? 0 : lead[1],
    last: limited && !fromRight ? text.length : trail[0],
  });
}

function some<T>(gaps: readonly T[], max: number, fromRight: boolean): readonly T[] {
  if (max < 0) return gaps;
  return fromRight ? gaps.slice(Math.max(0, gaps.length - max)) : gaps.slice(0, max);
}

function between(
  text: string,
  gaps: readonly (readonly [number, number])[],
  ends: { first: number; last: number },
): string[] {
  const parts: string[] = [];
  let from = ends.first;
  for (const [start, end] of gaps) {
    parts.push(text.slice(from, start));
    from = end;
  }
  return [...parts, text.slice(from, ends.last)];
}

/** Gaps around and between the words, those at the ends included though they may be empty; none without a word. */
function spaceGaps(view: string): [number, number][] {
  const gaps: [number, number][] = [];
  let end = 0;
  for (const { 0: word, index } of view.matchAll(WORDS)) {
    gaps.push([end, index]);
    end = index + word.length;
  }
  return gaps.length === 0 ? [] : [...gaps, [end, view.length]];
}

function gapsOf(view: string, separator: string, fromRight: boolean): [number, number][] {
  const gaps: [number, number][] = [];
  if (!fromRight) {
    for (let at = view.indexOf(separator); at >= 0; at = view.indexOf(separator, at + separator.length)) {
      gaps.push([at, at + separator.length]);
    }
    return gaps;
  }
  for (let at = view.lastIndexOf(separator); at >= 0;) {
    gaps.push([at, at + separator.length]);
    at = at < separator.length ? -1 : view.lastIndexOf(separator, at - separator.length);
  }
  return gaps.reverse();
}

/** `str.partition` and `str.rpartition`. */
export function partition(text: string, separator: string, fromRight: boolean, plain: Plain): string[] {
  if (separator === '') throw new Error('empty separator');
  const view = plain(text);
  const wanted = plain(separator);
  const at = fromRight ? view.lastIndexOf(wanted) : view.indexOf(wanted);
  if (at < 0) return fromRight ? ['', '', text] : [text, '', ''];
  const end = at + separator.length;
  return [text.slice(0, at), text.slice(at, end), text.slice(end)];
}

export function splitLines(text: string, keepEnds: boolean): string[] {
  const lines: string[] = [];
  let from = 0;
  for (const { 0: end, index } of text.matchAll(LINE_ENDS)) {
    lines.push(text.slice(from, keepEnds ? index + end.length : index));
    from = index + end.length;
  }
  if (from < text.length) lines.push(text.slice(from));
  return lines;
}

/** `str.replace`; an empty `old` stands before every character and at the end. @param max below 0: all. */
export function replace(text: string, change: { old: string; by: string; max: number }, plain: Plain): string {
  const { old, by, max } = change;
  const view = plain(text);
  const wanted = plain(old);
  if (max === 0) return text;
  if (wanted === '') return interleave(text, by, max);
  const parts: string[] = [];
  let from = 0;
  for (let at = view.indexOf(wanted); at >= 0; at = view.indexOf(wanted, from)) {
    parts.push(text.slice(from, at));
    from = at + wanted.length;
    if (parts.length === max) break;
  }
  return [...parts, text.slice(from)].join(by);
}

function interleave(text: string, by: string, max: number): string {
  const chars = Array.from(text);
  const count = max < 0 ? chars.length + 1 : max;
  const woven = chars.map((char, i) => (i < count ? by + char : char)).join('');
  return count > chars.length ? woven + by : woven;
}

/** How often `wanted` occurs without overlapping. */
export function count(text: string, wanted: string, plain: Plain): number {
  if (wanted === '') return codePointLength(text) + 1;
  return gapsOf(plain(text), plain(wanted), false).length;
}

const titled = (char: string): string => TITLE[char] ?? upperFirst(char);

/** `ß` becomes `Ss` in a title, not `SS`. */
function upperFirst(char: string): string {
  const [first = '', ...rest] = char.toUpperCase();
  return first + rest.join('').toLowerCase();
}

export function title(text: string): string {
  let inWord = false;
  const chars = Array.from(text);
  const out = chars.map((char, i) => {
    const cased = CASED.test(char);
    const changed = !cased ? char : inWord ? lowered(chars, i) : titled(char);
    inWord = cased;
    return changed;
  });
  return out.join('');
}

export function capitalize(text: string): string {
  const [first = '', ...rest] = Array.from(text);
  return titled(first) + rest.join('').toLowerCase();
}

export function swapCase(text: string): string {
  const chars = Array.from(text);
  return chars.map((char, i) => (char === char.toUpperCase() ? lowered(chars, i) : char.toUpperCase())).join('');
}

/** Lower case of one character; a sigma that ends a word has a form of its own. */
function lowered(chars: readonly string[], index: number): string {
  const char = chars[index] ?? '';
  if (char !== 'Σ') return char.toLowerCase();
  const before = index > 0 && CASED.test(chars[index - 1] ?? '');
  return before && !CASED.test(chars[index + 1] ?? '') ? 'ς' : 'σ';
}

/** `str.isupper` and `str.islower`: a cased letter, and none of the other case. */
export function isCase(text: string, fold: (text: string) => string): boolean {
  return fold(text) === text && CASED.test(text);
}

/** Whether the text is not empty and every character of it is of a kind. */
export function every(text: string, kind: RegExp): boolean {
  return text !== '' && Array.from(text).every((char) => kind.test(char));
}

const SURROGATE = /[\ud800-\udfff]/;

/** Whether every code point is one UTF-16 unit, so that they count alike. Long texts mostly are; no list of them is made. */
function countsUnits(text: string): boolean {
  return !SURROGATE.test(text);
}

/** `len`: code points. */
export function codePointLength(text: string): number {
  if (countsUnits(text)) return text.length;
  let length = 0;
  for (let at = 0; at < text.length; length++) at += charAt(text, at).length;
  return length;
}

/** One code point, a negative index from the end; undefined where there is none. */
export function codePointAt(text: string, index: number): string | undefined {
  return countsUnits(text) ? text.at(index) : Array.from(text).at(index);
}

/** A range of code points, negative ones from the end, as offsets in UTF-16 units. */
export function codePointRange(text: string, start: number, stop: number): [number, number] {
  if (countsUnits(text)) return [clamped(start, text.length), clamped(stop, text.length)];
  const offsets = [0];
  for (const char of text) offsets.push((offsets.at(-1) ?? 0) + char.length);
  const size = offsets.length - 1;
  return [offsets[clamped(start, size)] ?? 0, offsets[clamped(stop, size)] ?? 0];
}

function clamped(index: number, size: number): number {
  return Math.min(size, Math.max(0, index < 0 ? index + size : index));
}
