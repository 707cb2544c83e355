import { AppError } from '@longhaul/kernel';

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space or choose another place with LONGHAUL_HOME or --out',
  EDQUOT: 'the disk quota is used up; free some space or choose another place with LONGHAUL_HOME or --out',
  EFBIG: 'the file would be larger than this file system or process may write',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only; choose another place with LONGHAUL_HOME or --out',
  ENOTDIR: 'a part of its path is a file and no directory',
  EEXIST: 'a part of its path is a file and no directory',
  ENOENT: 'a directory of its path is not there or was removed meanwhile',
  ENAMETOOLONG: 'its name is too long for the file system',
  ELOOP: 'its path is a link that leads back to itself',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  EIO: 'the disk does not work properly',
  ESTALE: 'the network file system lost it',
  EISDIR: 'there is a directory in its place',
  EBUSY: 'it is in use',
  EXDEV: 'its directory spans two file systems',
};

/**
 * A fault of the file system as an error that says what was to be written, where, and why not; anything else as it is.
 *
 * @param what the subject of the sentence, as in "The model package".
 */
export function diskError(error: unknown, what: string, reason: string): unknown {
  if (AppError.isInstance(error)) return error;
  const { code, path, dest } = (typeof error === 'object' && error !== null ? error : {}) as NodeJS.ErrnoException & {
    dest?: string;
  };
  const problem = typeof code === 'string' && Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code] : undefined;
  if (problem === undefined) return error;
  const where = dest ?? path;
  return new AppError({
    code: code === 'ENOSPC' || code === 'EDQUOT' ? 'RESOURCE_EXHAUSTED' : 'FAILED_PRECONDITION',
    reason,
    message: `${what} cannot be written${where === undefined ? '' : ` at ${where}`}: ${problem} (${code}).`,
    field: 'out',
    cause: error,
  });
}
