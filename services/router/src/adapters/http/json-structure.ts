import { AppError } from '@longhaul/kernel';

/** Strings (field names, too), objects and arrays of one body. Four times the values that a request may have. */
const MAX_STRUCTURES = 400_000;
/** Items of lists and fields of objects of one body, numbers included: far more token ids than any context holds. */
const MAX_ITEMS = 4 * 2 ** 20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const BRACE = 0x7b;
const BRACKET = 0x5b;

/**
 * Bounds what the JSON parser may have to make: ten million empty objects fit into 32 MB, and take it seconds in which
 * nobody else is served. Numbers are cheaper, so there may be more of them; sixteen million take a second. Stops as soon
 * as there are too many; the bytes need not be valid JSON.
 *
 * @throws AppError `INVALID_ARGUMENT`.
 */
export function requireFewStructures(body: Buffer, max = MAX_STRUCTURES, maxItems = MAX_ITEMS): void {
  let left = max;
  let itemsLeft = maxItems;
  for (let at = 0; at < body.length;) {
    const byte = body[at] ?? 0;
    if (byte === QUOTE || byte === BRACE || byte === BRACKET) left -= 1;
    if (byte === COMMA) itemsLeft -= 1;
    if (left < 0) throw tooMany(max, 'strings, objects and arrays');
    if (itemsLeft < 0) throw tooMany(maxItems, 'items in its lists');
    at = byte === QUOTE ? afterString(body, at + 1) : at + 1;
  }
}

/** The place behind the closing quote of a string whose first character is at `at`. */
function afterString(body: Buffer, at: number): number {
  for (; at < body.length; at++) {
    if (body[at] === BACKSLASH) at++;
    else if (body[at] === QUOTE) return at + 1;
  }
  return body.length;
}

function tooMany(max: number, what: string): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_ARGUMENT',
    message: `The body has more than ${max} ${what}.`,
    details: { max },
  });
}
