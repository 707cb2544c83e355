import { constants } from 'node:os';
import { AppError, type ErrorCode } from '@longhaul/kernel';

/** What the addon rejects with when a system call fails. */
interface NativeIoError {
  readonly message: string;
  readonly errno: number;
  readonly syscall: string;
}

type Verdict = readonly [code: ErrorCode, reason: string, words: string];

const { EACCES, EDQUOT, EFBIG, ENOSPC, EPERM, EROFS } = constants.errno;
const FULL: Verdict = ['RESOURCE_EXHAUSTED', 'KV_DISK_FULL', 'the disk is full'];
const READ_ONLY: Verdict = ['FAILED_PRECONDITION', 'KV_DISK_READ_ONLY', 'the disk cannot be written'];
const BROKEN: Verdict = ['UNAVAILABLE', 'KV_DISK_IO', 'the disk failed'];
const VERDICTS: ReadonlyMap<number, Verdict> = new Map([
  ...[ENOSPC, EDQUOT, EFBIG].map((errno) => [errno, FULL] as const),
  ...[EROFS, EACCES, EPERM].map((errno) => [errno, READ_ONLY] as const),
]);

function isIoError(value: unknown): value is NativeIoError {
  return typeof value === 'object' && value !== null && typeof (value as Partial<NativeIoError>).errno === 'number';
}

/**
 * An AppError for a failed file operation: `KV_DISK_FULL` (no space, quota, file size limit), `KV_DISK_READ_ONLY`
 * (read-only file system, no permission), `KV_DISK_IO` (everything else). Takes errors of this addon and of node:fs.
 */
export function diskError(value: unknown, path: string): AppError {
  if (AppError.isInstance(value)) return value;
  if (!isIoError(value)) return AppError.from(value);
  // node:fs negates the number.
  const [code, reason, words] = VERDICTS.get(Math.abs(value.errno)) ?? BROKEN;
  return new AppError({
    code,
    reason,
    message: `${path}: ${words} (${value.message}).`,
    retry: reason === 'KV_DISK_FULL' ? 'same' : 'other',
    cause: value,
  });
}
