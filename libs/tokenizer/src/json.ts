import { AppError } from '@longhaul/kernel';

export type JsonObject = Readonly<Record<string, unknown>>;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The error for a tokenizer file that cannot be read; `where` is a path inside the file. */
export function badFile(file: string, message: string, cause?: unknown): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'BAD_TOKENIZER_FILE',
    field: file,
    message: `${file}: ${message}`,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The error for a well-formed file that asks for something this library does not do. */
export function unsupported(message: string, cause?: unknown): AppError {
  return new AppError({
    code: 'UNIMPLEMENTED',
    reason: 'UNSUPPORTED_TOKENIZER',
    field: 'tokenizer.json',
    message: `tokenizer.json: ${message}`,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Parses a JSON file whose root must be an object. */
export function parseJsonFile(file: string, bytes: Uint8Array): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    throw badFile(file, 'not valid JSON in UTF-8.', cause);
  }
  if (!isObject(value)) throw badFile(file, 'the root is not an object.');
  return value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `value` as an object, or an error that names `where`. */
export function objectAt(value: unknown, where: string): JsonObject {
  if (!isObject(value)) throw badFile('tokenizer.json', `${where} is not an object.`);
  return value;
}

/** `value` as an array of objects; absent is empty. */
export function objectsAt(value: unknown, where: string): readonly JsonObject[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw badFile('tokenizer.json', `${where} is not an array.`);
  return value.map((item: unknown, index) => objectAt(item, `${where}[${index}]`));
}

/** `value` as a string, or an error that names `where`. */
export function stringAt(value: unknown, where: string): string {
  if (typeof value !== 'string') throw badFile('tokenizer.json', `${where} is not a string.`);
  return value;
}

/** `value` as a token id: an integer in [0, 2^24), or an error that names `where`. */
export function idAt(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= 1 << 24) {
    throw badFile('tokenizer.json', `${where} is not a token id (an integer from 0 to 16777215).`);
  }
  return value;
}
