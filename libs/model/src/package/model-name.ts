import { invalidArgument } from '@longhaul/kernel';

/** Long enough for any `owner/name`, short enough for logs and metric labels. */
export const MAX_MODEL_NAME = 200;
/** Leaves room for scheme and key in the name of a directory, which may have 255 bytes. */
const MAX_DIRECTORY_NAME = 100;

/** Printable, no white space at the ends: a name stands in URLs, logs and metric labels. */
const MODEL_NAME = /^(?!\s)[^\p{C}\p{Zl}\p{Zp}\ud800-\udfff]+(?<!\s)$/u;

export function isModelName(name: string): boolean {
  return name.length >= 1 && name.length <= MAX_MODEL_NAME && MODEL_NAME.test(name);
}

/** @throws AppError `INVALID_ARGUMENT` for a name that cannot be served. */
export function checkModelName(name: string): string {
  if (isModelName(name)) return name;
  const shown = JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name);
  throw invalidArgument(
    'name',
    `The model's name must be 1 to ${MAX_MODEL_NAME} printable characters without spaces around them, but is ${shown} (${name.length}).`,
    { limit: MAX_MODEL_NAME },
  );
}

/** A name made of any text, in letters that every file system and URL takes. */
export function plainModelName(text: string): string {
  const plain = text
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[.-]+|[.-]+$/g, '')
    .toLowerCase()
    .slice(0, MAX_DIRECTORY_NAME);
  return plain === '' ? 'model' : plain;
}
