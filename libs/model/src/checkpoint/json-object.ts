import { corrupt, overLimit } from './checkpoint-errors.js';
import { foreignFile } from './foreign-file.js';

/** Tokenizer pipelines nest about 10 deep; readers that descend need a bound. */
export const MAX_JSON_DEPTH = 64;

/**
 * Parses UTF-8 JSON that must be an object.
 *
 * @param name for messages.
 * @throws AppError `CHECKPOINT_CORRUPT` for bad UTF-8, bad JSON or another kind of value, saying what it is instead where
 * that can be seen; `CHECKPOINT_LIMIT` for one that nests deeper than {@link MAX_JSON_DEPTH}.
 */
export function parseJsonObject(name: string, bytes: Uint8Array): Record<string, unknown> {
  if (jsonDepth(bytes) > MAX_JSON_DEPTH) throw overLimit(name, 'the nesting of its JSON', MAX_JSON_DEPTH);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw corrupt(name, `${foreignFile(bytes) ?? problemOf(bytes)}.`, cause);
  }
  if (!isJsonObject(value)) throw corrupt(name, 'it must hold a JSON object.');
  return value;
}

/** True for a JSON object; false for null, arrays and scalars. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The deepest nesting of objects and arrays; of text that is no JSON, some number. One pass, no memory. */
function jsonDepth(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (inString) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x7b || byte === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return deepest;
}

/** Python writes numbers that JSON does not have. */
function problemOf(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes.subarray(0, 1024 * 1024));
  const number = /"([^"\n]{1,60})"\s*:\s*(-?(?:Infinity|NaN))\b/.exec(text);
  if (number) return `its ${number[1]} is ${number[2]}, which is no JSON`;
  return text.trimEnd().endsWith('}')
    ? 'it is not valid JSON in UTF-8'
    : 'it is not valid JSON in UTF-8; it may be cut short';
}
