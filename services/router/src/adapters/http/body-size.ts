import { invalidArgument } from '@longhaul/kernel';

/** More than the largest sensible request has: 4,096 messages of a few parts each. */
const MAX_BODY_VALUES = 100_000;

/**
 * Bounds what the schema check has to look at. It runs in one go and keeps a note of every fault, so a body of millions
 * of small wrong values would hold the process up and fill its memory. Numbers in lists of token ids are not counted:
 * those are checked by a plain loop.
 *
 * @throws AppError `INVALID_ARGUMENT` naming the field.
 */
export function requireFewValues(body: Readonly<Record<string, unknown>>, max = MAX_BODY_VALUES): void {
  let left = max;
  for (const [field, value] of Object.entries(body)) {
    left = remaining(value, left, TOKEN_FIELDS.has(field));
    if (left >= 0) continue;
    throw invalidArgument(field, `'${field}' is too large: the body has more than ${max} values.`, { max });
  }
}

const TOKEN_FIELDS = new Set(['prompt', 'tokens', 'stop_token_ids']);

/** What is left of the budget after this value; negative as soon as it is used up. */
function remaining(root: unknown, budget: number, numbersAreFree: boolean): number {
  let left = budget;
  const open: unknown[] = [root];
  while (open.length > 0 && left >= 0) {
    const value = open.pop();
    left -= 1;
    if (typeof value !== 'object' || value === null) continue;
    for (const child of Array.isArray(value) ? value : Object.values(value)) {
      if (numbersAreFree && typeof child === 'number') continue;
      if (open.length > left) return -1;
      open.push(child);
    }
  }
  return left;
}

/** An array of whole numbers. Stops at the first thing that is none. */
export function isIntegerList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item));
}

export type Prompt = string | string[] | number[] | number[][];

/** A text, texts, token ids, or lists of token ids. */
export function isPrompt(value: unknown): value is Prompt {
  if (typeof value === 'string') return true;
  if (!Array.isArray(value)) return false;
  return isIntegerList(value) || value.every((item) => typeof item === 'string') || value.every(isIntegerList);
}
