import { stringAt, unsupported, type JsonObject } from './json.js';
import { replaceLiteral } from './normalize/replace-literal.js';
import { pipelineSteps } from './pipeline.js';
import { GPT2 } from './split/known-patterns.js';
import type { PatternReader } from './split/pattern-reader.js';
import { PAUSE, type Splitter } from './split/splitter.js';

/** In place of a piece, none of which is empty: so much was looked at that other work should have its turn. */
export const NO_PIECE = '';

/**
 * Cuts normalised text into pieces, lazily, so that a long prompt can be encoded a slice at a time.
 *
 * @param atStart the text begins where the caller's whole text begins
 */
export type PreTokenizer = (text: string, atStart: boolean) => Iterable<string>;

type Behavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';
const BEHAVIORS: readonly string[] = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'];

function* isolated(split: Splitter, text: string): Generator<string> {
  for (const span of split(text)) yield span === PAUSE ? NO_PIECE : span.text;
}

function* removed(split: Splitter, text: string, invert: boolean): Generator<string> {
  for (const span of split(text)) {
    if (span === PAUSE) yield NO_PIECE;
    else if (span.match === invert) yield span.text;
  }
}

function* mergedWithPrevious(split: Splitter, text: string, invert: boolean): Generator<string> {
  let held: string | null = null;
  for (const span of split(text)) {
    if (span === PAUSE) yield NO_PIECE;
    else if (span.match === invert) {
      if (held !== null) yield held;
      held = span.text;
    } else {
      yield (held ?? '') + span.text;
      held = null;
    }
  }
  if (held !== null) yield held;
}

function* mergedWithNext(split: Splitter, text: string, invert: boolean): Generator<string> {
  let held: string | null = null;
  for (const span of split(text)) {
    if (span === PAUSE) yield NO_PIECE;
    else if (span.match === invert) {
      yield (held ?? '') + span.text;
      held = null;
    } else {
      if (held !== null) yield held;
      held = span.text;
    }
  }
  if (held !== null) yield held;
}

function* contiguous(split: Splitter, text: string): Generator<string> {
  let held = '';
  let matching = false;
  let spans = 0;
  for (const span of split(text)) {
    if (++spans % SPANS_PER_PAUSE === 0) yield NO_PIECE;
    if (span === PAUSE) continue;
    if (held !== '' && span.match !== matching) {
      yield held;
      held = '';
    }
    matching = span.match;
    held += span.text;
  }
  if (held !== '') yield held;
}

const SPANS_PER_PAUSE = 4096;

function splitter(split: Splitter, behavior: Behavior, invert: boolean): PreTokenizer {
  switch (behavior) {
    case 'Isolated':
      return (text) => isolated(split, text);
    case 'Removed':
      return (text) => removed(split, text, invert);
    case 'MergedWithPrevious':
      return (text) => mergedWithPrevious(split, text, invert);
    case 'MergedWithNext':
      return (text) => mergedWithNext(split, text, invert);
    case 'Contiguous':
      return (text) => contiguous(split, text);
  }
}

function isBehavior(value: string): value is Behavior {
  return BEHAVIORS.includes(value);
}

function split(spec: JsonObject, patterns: PatternReader): PreTokenizer {
  const behavior = stringAt(spec['behavior'], 'pre_tokenizer.behavior');
  if (!isBehavior(behavior)) throw unsupported(`split behavior ${behavior.slice(0, 80)} is not supported.`);
  const pattern = patterns.read(spec['pattern'], 'pre_tokenizer.pattern');
  return splitter(pattern.split, behavior, spec['invert'] === true);
}

function byteLevel(spec: JsonObject, patterns: PatternReader): PreTokenizer {
  const prefix = spec['add_prefix_space'] === true;
  const pattern = spec['use_regex'] === false ? null : patterns.expression(GPT2);
  return (text) => {
    const full = prefix && !text.startsWith(' ') ? ' ' + text : text;
    return pattern === null ? [full] : isolated(pattern, full);
  };
}

function prependScheme(spec: JsonObject): string {
  const scheme = spec['prepend_scheme'];
  if (scheme === undefined) return spec['add_prefix_space'] === false ? 'never' : 'always';
  if (scheme === 'first' || scheme === 'always' || scheme === 'never') return scheme;
  throw unsupported(`Metaspace prepend_scheme ${String(scheme).slice(0, 80)} is not supported.`);
}

function metaspace(spec: JsonObject, patterns: PatternReader): PreTokenizer {
  const mark = stringAt(spec['replacement'], 'pre_tokenizer.replacement');
  const scheme = prependScheme(spec);
  const replace = replaceLiteral(' ', mark, 'pre_tokenizer.replacement');
  const pattern = spec['split'] === false ? null : patterns.read({ String: mark }, 'pre_tokenizer.replacement').split;
  return function* (text, atStart) {
    const steps = replace(text);
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) yield NO_PIECE;
    const marked = step.value;
    const wanted = scheme === 'always' || (scheme === 'first' && atStart);
    const full = wanted && !marked.startsWith(mark) ? mark + marked : marked;
    if (pattern === null) yield full;
    else yield* mergedWithNext(pattern, full, false);
  };
}

function sequence(steps: readonly PreTokenizer[]): PreTokenizer {
  return steps.reduceRight<PreTokenizer>(
    (next, step) =>
      function* (text, atStart) {
        let first = atStart;
        for (const piece of step(text, atStart)) {
          if (piece === NO_PIECE) {
            yield NO_PIECE;
            continue;
          }
          yield* next(piece, first);
          first = false;
        }
      },
    (text) => [text],
  );
}

function build(spec: JsonObject, patterns: PatternReader): PreTokenizer {
  const type = stringAt(spec['type'], 'pre_tokenizer.type');
  switch (type) {
    case 'Split':
      return split(spec, patterns);
    case 'Digits':
      return splitter(
        patterns.expression('\\p{N}'),
        spec['individual_digits'] === true ? 'Isolated' : 'Contiguous',
        false,
      );
    case 'ByteLevel':
      return byteLevel(spec, patterns);
    case 'Metaspace':
      return metaspace(spec, patterns);
    case 'WhitespaceSplit':
      return splitter(patterns.expression('\\s'), 'Removed', false);
    default:
      throw unsupported(`pre_tokenizer ${type.slice(0, 80)} is not supported.`);
  }
}

/** The pre-tokeniser of a tokenizer.json; null there leaves the text whole. */
export function createPreTokenizer(spec: unknown, patterns: PatternReader): PreTokenizer {
  const [first, ...others] = stepsOf(spec).map((step) => build(step, patterns));
  if (first === undefined) return (text) => [text];
  return others.length === 0 ? first : sequence([first, ...others]);
}

function stepsOf(spec: unknown): readonly JsonObject[] {
  return pipelineSteps(spec, 'pretokenizers', 'pre_tokenizer');
}

/** Whether a ByteLevel step turns pieces into GPT-2's byte alphabet. */
export function usesByteAlphabet(spec: unknown): boolean {
  return stepsOf(spec).some(({ type }) => type === 'ByteLevel');
}
