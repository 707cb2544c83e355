import { AppError } from '@longhaul/kernel';
import { stringAt, objectAt, objectsAt, unsupported, type JsonObject } from './json.js';
import { patternAt } from './normalizer.js';
import { compilePattern } from './pattern.js';

/**
 * Cuts normalised text into pieces, lazily, so that a long prompt can be encoded a slice at a time.
 *
 * @param atStart the text begins where the caller's whole text begins
 */
export type PreTokenizer = (text: string, atStart: boolean) => Iterable<string>;

const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
type Behavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';
const BEHAVIORS: readonly string[] = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'];

/** A match of millions of characters overflows the stack of the expression engine; that is the text's fault. */
function search(pattern: RegExp, text: string): RegExpExecArray | null {
  try {
    return pattern.exec(text);
  } catch (cause) {
    throw new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'TEXT_RUN_TOO_LONG',
      field: 'text',
      message: 'The text has millions of letters without a break; at most about one million are split.',
      cause,
    });
  }
}

/** Matches and the gaps between them, in order; none is empty. */
function* spans(pattern: RegExp, text: string): Generator<{ text: string; match: boolean }> {
  let end = 0;
  for (let from = 0; ;) {
    // Set before every search: another encode may run between two steps of this generator.
    pattern.lastIndex = from;
    const found = search(pattern, text);
    if (found === null) break;
    const { 0: match, index } = found;
    from = pattern.lastIndex;
    if (match === '') {
      from += (text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1;
      continue;
    }
    if (index > end) yield { text: text.slice(end, index), match: false };
    yield { text: match, match: true };
    end = from;
  }
  if (end < text.length) yield { text: text.slice(end), match: false };
}

function* isolated(pattern: RegExp, text: string): Generator<string> {
  for (const span of spans(pattern, text)) yield span.text;
}

function* removed(pattern: RegExp, text: string, invert: boolean): Generator<string> {
  for (const span of spans(pattern, text)) if (span.match === invert) yield span.text;
}

function* mergedWithPrevious(pattern: RegExp, text: string, invert: boolean): Generator<string> {
  let held: string | null = null;
  for (const span of spans(pattern, text)) {
    if (span.match === invert) {
      if (held !== null) yield held;
      held = span.text;
    } else {
      yield (held ?? '') + span.text;
      held = null;
    }
  }
  if (held !== null) yield held;
}

function* mergedWithNext(pattern: RegExp, text: string, invert: boolean): Generator<string> {
  let held: string | null = null;
  for (const span of spans(pattern, text)) {
    if (span.match === invert) {
      yield (held ?? '') + span.text;
      held = null;
    } else {
      if (held !== null) yield held;
      held = span.text;
    }
  }
  if (held !== null) yield held;
}

function* contiguous(pattern: RegExp, text: string): Generator<string> {
  let parts: string[] = [];
  let matching = false;
  for (const span of spans(pattern, text)) {
    if (parts.length > 0 && span.match !== matching) {
      yield parts.join('');
      parts = [];
    }
    matching = span.match;
    parts.push(span.text);
  }
  if (parts.length > 0) yield parts.join('');
}

function splitter(pattern: RegExp, behavior: Behavior, invert: boolean): PreTokenizer {
  switch (behavior) {
    case 'Isolated':
      return (text) => isolated(pattern, text);
    case 'Removed':
      return (text) => removed(pattern, text, invert);
    case 'MergedWithPrevious':
      return (text) => mergedWithPrevious(pattern, text, invert);
    case 'MergedWithNext':
      return (text) => mergedWithNext(pattern, text, invert);
    case 'Contiguous':
      return (text) => contiguous(pattern, text);
  }
}

function isBehavior(value: string): value is Behavior {
  return BEHAVIORS.includes(value);
}

function split(spec: JsonObject): PreTokenizer {
  const behavior = stringAt(spec['behavior'], 'pre_tokenizer.behavior');
  if (!isBehavior(behavior)) throw unsupported(`split behavior ${behavior} is not supported.`);
  return splitter(patternAt(spec['pattern'], 'pre_tokenizer.pattern'), behavior, spec['invert'] === true);
}

function byteLevel(spec: JsonObject): PreTokenizer {
  const prefix = spec['add_prefix_space'] === true;
  const pattern = spec['use_regex'] === false ? null : compilePattern(GPT2);
  return (text) => {
    const full = prefix && !text.startsWith(' ') ? ' ' + text : text;
    return pattern === null ? [full] : isolated(pattern, full);
  };
}

function prependScheme(spec: JsonObject): string {
  const scheme = spec['prepend_scheme'];
  if (scheme === undefined) return spec['add_prefix_space'] === false ? 'never' : 'always';
  if (scheme === 'first' || scheme === 'always' || scheme === 'never') return scheme;
  throw unsupported(`Metaspace prepend_scheme ${String(scheme)} is not supported.`);
}

function metaspace(spec: JsonObject): PreTokenizer {
  const mark = stringAt(spec['replacement'], 'pre_tokenizer.replacement');
  const scheme = prependScheme(spec);
  const pattern = spec['split'] === false ? null : patternAt({ String: mark }, 'pre_tokenizer.replacement');
  return (text, atStart) => {
    const marked = text.replaceAll(' ', mark.replaceAll('$', '$$$$'));
    const wanted = scheme === 'always' || (scheme === 'first' && atStart);
    const full = wanted && !marked.startsWith(mark) ? mark + marked : marked;
    return pattern === null ? [full] : mergedWithNext(pattern, full, false);
  };
}

function sequence(steps: readonly PreTokenizer[]): PreTokenizer {
  return steps.reduceRight<PreTokenizer>(
    (next, step) =>
      function* (text, atStart) {
        let first = atStart;
        for (const piece of step(text, atStart)) {
          yield* next(piece, first);
          first = false;
        }
      },
    (text) => [text],
  );
}

function build(spec: JsonObject): PreTokenizer {
  const type = stringAt(spec['type'], 'pre_tokenizer.type');
  switch (type) {
    case 'Sequence':
      return sequence(objectsAt(spec['pretokenizers'], 'pre_tokenizer.pretokenizers').map(build));
    case 'Split':
      return split(spec);
    case 'Digits':
      return splitter(compilePattern('\\p{N}'), spec['individual_digits'] === true ? 'Isolated' : 'Contiguous', false);
    case 'ByteLevel':
      return byteLevel(spec);
    case 'Metaspace':
      return metaspace(spec);
    case 'WhitespaceSplit':
      return splitter(compilePattern('\\s'), 'Removed', false);
    default:
      throw unsupported(`pre_tokenizer ${type} is not supported.`);
  }
}

/** The pre-tokeniser of a tokenizer.json; null there leaves the text whole. */
export function createPreTokenizer(spec: unknown): PreTokenizer {
  if (spec === null || spec === undefined) return (text) => [text];
  return build(objectAt(spec, 'pre_tokenizer'));
}

/** Whether a ByteLevel step turns pieces into GPT-2's byte alphabet. */
export function usesByteAlphabet(spec: unknown): boolean {
  if (spec === null || spec === undefined) return false;
  const { type, pretokenizers } = objectAt(spec, 'pre_tokenizer');
  if (type === 'Sequence') return objectsAt(pretokenizers, 'pre_tokenizer.pretokenizers').some(usesByteAlphabet);
  return type === 'ByteLevel';
}
