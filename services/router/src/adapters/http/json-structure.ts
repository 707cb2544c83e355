import { AppError } from '@longhaul/kernel';

/** Strings (field names, too), objects and arrays of one body. Four times the values that a request may have. */
const MAX_STRUCTURES = 400_000;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const BRACKET = 0x5b;

/**
 * Bounds what the JSON parser may have to make: ten million empty objects fit into 32 MB, and take it seconds in which
 * nobody else is served. Numbers are cheap and not counted. Stops as soon as there are too many; the bytes need not be
 * valid JSON.
 *
 * @throws AppError `INVALID_ARGUMENT`.
 */
export function requireFewStructures(body: Buffer, max = MAX_STRUCTURES): void {
  let left = max;
  for (let at = 0; at < body.length;) {
    const byte = body[at] ?? 0;
    if (byte === QUOTE || byte === BRACE || byte === BRACKET) left -= 1;
    if (left < 0) throw tooMany(max);
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

function tooMany(max: number): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_ARGUMENT',
    message: `The body has more than ${max} strings, objects and arrays.`,
    details: { max },
  });
}
