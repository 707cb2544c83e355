import { invalidArgument } from '@longhaul/kernel';
import type { ControlTokens } from './control-tokens.js';
import { IdBuffer } from './id-buffer.js';
import { unmarked, type Plain } from './jinja/python-text.js';

/** Characters without a meaning of their own: Unicode's noncharacters first, then the private use area. */
const MARKERS = [range(0xfdd0, 0xfdef), range(0xe000, 0xf8ff)].flat();
const MARKER_LIKE = /[\uE000-\uF8FF\uFDD0-\uFDEF]/gu;
const HAS_MARKER = /[\uE000-\uF8FF\uFDD0-\uFDEF]/u;
const MAX_DEPTH = 64;

type RunMasked = (masked: Record<string, unknown>, plain: Plain) => string;

/** A text after rendering, with the places that must not be read as special tokens. */
export interface RenderedPrompt {
  text: string;
  /** Offsets in `text`, UTF-16 units, ascending; as `EncodeOptions.literalOffsets`. */
  literalOffsets: Int32Array;
}

function range(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, i) => String.fromCharCode(first + i));
}

type Change = (text: string, finder: SpellingFinder) => string;

function isAnswer(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'role' in message && message.role === 'assistant';
}

function mapStrings(value: unknown, change: (text: string) => string, depth: number): unknown {
  if (depth > MAX_DEPTH) throw invalidArgument('messages', `messages are nested deeper than ${MAX_DEPTH} levels.`);
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item: unknown) => mapStrings(item, change, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([key, item]) => [change(key), mapStrings(item, change, depth + 1)]));
}

interface Node {
  readonly next: Map<string, Node>;
  ends: boolean;
}

/**
 * Finds where text spells a control token, or ends in the beginning of one (which the template's next words could
 * complete).
 */
class SpellingFinder {
  readonly #root: Node = { next: new Map(), ends: false };
  readonly #firstUnits = new Uint8Array(0x10000);

  constructor(tokens: readonly string[]) {
    for (const token of tokens) {
      this.#firstUnits[token.charCodeAt(0)] = 1;
      let node = this.#root;
      for (const unit of token.split('')) {
        const next = node.next.get(unit) ?? { next: new Map<string, Node>(), ends: false };
        node.next.set(unit, next);
        node = next;
      }
      node.ends = true;
    }
  }

  /** Offsets, ascending. White space at the end is looked through: templates trim. */
  *find(text: string): Generator<number, void> {
    const end = text.trimEnd().length;
    for (let at = 0; at < end; at++) {
      if (this.#firstUnits[text.charCodeAt(at)] === 1 && this.#spelledAt(text, at, end)) yield at;
    }
  }

  #spelledAt(text: string, at: number, end: number): boolean {
    let node: Node | undefined = this.#root;
    for (let i = at; i < end; i++) {
      node = node.next.get(text.charAt(i));
      if (node === undefined) return false;
      if (node.ends) return true;
    }
    return true;
  }
}

/**
 * Keeps text from users from being read as control tokens after it went through a chat template.
 *
 * Before rendering, the first character of every control token spelled in the values is replaced by a marker that
 * occurs nowhere else; afterwards the markers are turned back and their places reported. One character stands for one,
 * and what the template compares or looks for is looked for in the text without markers, so templates that trim, cut,
 * compare or quote their input work as before. A text that spells no control token is not touched at all.
 */
export class ContentMask {
  readonly #finder: SpellingFinder;
  readonly #answerFinder: SpellingFinder;
  readonly #firstUnits: readonly string[];
  readonly #reserved: string;

  /** @param reserved text that the markers must not occur in either: the template itself */
  constructor({ everywhere, outsideAnswers }: ControlTokens, reserved: string) {
    const tokens = [...everywhere, ...outsideAnswers].filter((token) => token !== '');
    this.#finder = new SpellingFinder(tokens);
    this.#answerFinder = new SpellingFinder(everywhere.filter((token) => token !== ''));
    this.#firstUnits = [...new Set(tokens.map((token) => token.charAt(0)))];
    this.#reserved = reserved;
  }

  /**
   * Renders with masked values.
   *
   * @param run gets the values, and the way to see a text of them without markers
   * @throws AppError INVALID_ARGUMENT naming `messages` when the values use up every possible marker
   */
  render(values: Record<string, unknown>, run: RunMasked): RenderedPrompt {
    const used = new Set(this.#reserved.match(MARKER_LIKE) ?? []);
    let spelled = false;
    this.#map(values, (text, finder) => {
      if (HAS_MARKER.test(text)) addMarkers(text, used);
      spelled ||= finder.find(text).next().done !== true;
      return text;
    });
    if (!spelled) return { text: run(values, unmarked), literalOffsets: new Int32Array() };
    const markers = this.#chooseMarkers(used);
    const masked = this.#map(values, (text, finder) => mask(text, markers, finder));
    return unmask(run(masked, plainView(markers)), markers);
  }

  /** Copies the values with every string in them passed through `change`, the keys of inner objects included. */
  #map(values: Record<string, unknown>, change: Change): Record<string, unknown> {
    const all = (item: unknown): unknown => mapStrings(item, (text) => change(text, this.#finder), 0);
    const inAnswers = (item: unknown): unknown => mapStrings(item, (text) => change(text, this.#answerFinder), 1);
    return Object.fromEntries(
      Object.entries(values).map(([key, item]) => {
        if (key !== 'messages' || !Array.isArray(item)) return [key, all(item)];
        return [key, item.map((message: unknown) => (isAnswer(message) ? inAnswers(message) : all(message)))];
      }),
    );
  }

  #chooseMarkers(used: ReadonlySet<string>): ReadonlyMap<string, string> {
    const free = MARKERS.filter((marker) => !used.has(marker));
    if (free.length < this.#firstUnits.length) {
      throw invalidArgument('messages', 'messages use every private-use character; leave some out.');
    }
    return new Map(this.#firstUnits.map((unit, index) => [unit, free[index] ?? unit]));
  }
}

function mask(text: string, markers: ReadonlyMap<string, string>, finder: SpellingFinder): string {
  const out = new UnitWriter(text);
  for (const at of finder.find(text)) out.put(at, markers.get(text.charAt(at)) ?? text.charAt(at));
  return out.finish();
}

/** Remembers the last text: templates look at one several times in a row, and it may be megabytes long. */
function plainView(markers: ReadonlyMap<string, string>): Plain {
  let last = { text: '', view: '' };
  return (text) => {
    if (text !== last.text) {
      const view = [...markers].reduce((current, [unit, marker]) => current.replaceAll(marker, unit), text);
      last = { text, view };
    }
    return last.view;
  };
}

function addMarkers(text: string, used: Set<string>): void {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (isMarkerLike(unit)) used.add(String.fromCharCode(unit));
  }
}

function isMarkerLike(unit: number): boolean {
  return (unit >= 0xe000 && unit <= 0xf8ff) || (unit >= 0xfdd0 && unit <= 0xfdef);
}

function unmask(masked: string, markers: ReadonlyMap<string, string>): RenderedPrompt {
  const originals = new Map([...markers].map(([unit, marker]) => [marker.charCodeAt(0), unit]));
  const literalOffsets = new IdBuffer();
  const out = new UnitWriter(masked);
  for (let at = 0; at < masked.length; at++) {
    const unit = masked.charCodeAt(at);
    const original = isMarkerLike(unit) ? originals.get(unit) : undefined;
    if (original === undefined) continue;
    literalOffsets.push(at);
    out.put(at, original);
  }
  return { text: out.finish(), literalOffsets: literalOffsets.toArray() };
}

const FLUSH_PARTS = 4096;

/** A copy of a text with single units replaced, in place: millions of them take no more memory than the text. */
class UnitWriter {
  readonly #text: string;
  readonly #flushed: string[] = [];
  #parts: string[] = [];
  #done = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Replaces the unit at `at`; call it with ascending places. */
  put(at: number, unit: string): void {
    this.#parts.push(this.#text.slice(this.#done, at), unit);
    this.#done = at + 1;
    if (this.#parts.length >= FLUSH_PARTS) this.#flush();
  }

  finish(): string {
    if (this.#done === 0) return this.#text;
    this.#parts.push(this.#text.slice(this.#done));
    this.#flush();
    return this.#flushed.join('');
  }

  #flush(): void {
    this.#flushed.push(this.#parts.join(''));
    this.#parts = [];
  }
}
