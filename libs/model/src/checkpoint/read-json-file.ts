import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { AppError } from '@longhaul/kernel';
import { corrupt, overLimit } from './checkpoint-errors.js';

/**
 * Reads a small file whole, or null where there is none.
 *
 * @throws AppError `CHECKPOINT_LIMIT` when it is larger than `limitBytes`.
 */
export async function readSmallFile(path: string, limitBytes: number): Promise<Uint8Array | null> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw unreadable(path, error);
  });
  if (handle === null) return null;
  try {
    const { size } = await handle.stat();
    if (size > limitBytes) throw overLimit(basename(path), `its size of ${size} bytes`, limitBytes);
    return await handle.readFile();
  } catch (error) {
    throw AppError.isInstance(error) ? error : unreadable(path, error);
  } finally {
    await handle.close();
  }
}

/**
 * Parses UTF-8 JSON that must be an object.
 *
 * @param name for messages.
 * @throws AppError `CHECKPOINT_CORRUPT` for bad UTF-8, bad JSON or another kind of value.
 */
export function parseJsonObject(name: string, bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw corrupt(name, 'it is not valid JSON in UTF-8.', cause);
  }
  if (!isJsonObject(value)) throw corrupt(name, 'it must hold a JSON object.');
  return value;
}

/** True for a JSON object; false for null, arrays and scalars. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function unreadable(path: string, cause: unknown): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'CHECKPOINT_UNREADABLE',
    message: `${path} cannot be read.`,
    field: 'source',
    cause,
  });
}
