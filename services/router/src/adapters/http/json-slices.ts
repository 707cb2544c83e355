import { LazyList, LazyText } from './lazy-list.js';

/** Units of JSON in one slice, more or less: an item or a part of a text is never cut. */
const SLICE_UNITS = 65_536;

/**
 * The JSON of an answer in slices that are each made when they are asked for. Lists and texts that may be long are lazy
 * ones; everything else in the tree is small.
 */
export function* jsonSlices(value: unknown, sliceUnits = SLICE_UNITS): Generator<string, void> {
  let slice = '';
  for (const part of parts(value)) {
    slice += part;
    if (slice.length < sliceUnits) continue;
    yield slice;
    slice = '';
  }
  if (slice !== '') yield slice;
}

function* parts(value: unknown): Generator<string, void> {
  if (value instanceof LazyList) yield* list(value, JSON.stringify);
  else if (value instanceof LazyText) yield* text(value);
  else if (Array.isArray(value)) yield* nested(value as readonly unknown[]);
  else if (isPlain(value)) yield* object(value);
  else yield JSON.stringify(value) ?? 'null';
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !('toJSON' in value);
}

function* list(items: Iterable<unknown>, write: (item: unknown) => string): Generator<string, void> {
  yield '[';
  let separator = '';
  for (const item of items) {
    yield separator + write(item);
    separator = ',';
  }
  yield ']';
}

function* nested(items: readonly unknown[]): Generator<string, void> {
  yield '[';
  for (const [index, item] of items.entries()) {
    if (index > 0) yield ',';
    yield* parts(item);
  }
  yield ']';
}

function* object(fields: Record<string, unknown>): Generator<string, void> {
  yield '{';
  let separator = '';
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    yield `${separator}${JSON.stringify(key)}:`;
    separator = ',';
    yield* parts(value);
  }
  yield '}';
}

function* text({ parts: pieces }: LazyText): Generator<string, void> {
  yield '"';
  for (const piece of pieces) yield JSON.stringify(piece).slice(1, -1);
  yield '"';
}
