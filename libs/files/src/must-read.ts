import { AppError } from '@longhaul/kernel';
import { readBytes, readText } from './read-file.js';
import type { FileFault } from './file-fault.js';

/** A file that has to be there, and who named it. */
export interface NamedFile {
  readonly path: string;
  readonly maxBytes: number;
  /** The flag or field that names the file; it begins the message. */
  readonly option: string;
  /** Of the error; `CONFIG_INVALID` without one. */
  readonly reason?: string;
}

/** {@link readBytes}. @throws AppError of `reason` that names option, path and limit, never contents. */
export function mustReadBytes(file: NamedFile): Buffer {
  const read = readBytes(file.path, file.maxBytes);
  if (read.kind === 'read') return read.bytes;
  throw unreadable(file, read);
}

/** {@link readText}. @throws AppError of `reason` that names option, path and limit, never contents. */
export function mustReadText(file: NamedFile): string {
  const read = readText(file.path, file.maxBytes);
  if (read.kind === 'read') return read.text;
  throw unreadable(file, read);
}

function unreadable({ option, reason = 'CONFIG_INVALID' }: NamedFile, { problem, cause }: FileFault): AppError {
  return new AppError({ code: 'INVALID_ARGUMENT', reason, message: `${option}: ${problem}.`, field: option, cause });
}
