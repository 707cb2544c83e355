import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError } from '@longhaul/kernel';

/** The exports of the compiled addon. File operations run on libuv's thread pool and reject with a `NativeIoError`. */
export interface NativeAddon {
  crc32c(bytes: Uint8Array, seed: number): number;
  crc32cTable(bytes: Uint8Array, seed: number): number;
  crc32cAsync(bytes: Uint8Array, seed: number): Promise<number>;
  crc32cCombine(a: number, b: number, lengthB: number): number;
  crc32cKernel(): 'sse42' | 'arm64' | 'table';
  /** Bytes from the start of the buffer to its first address that is a multiple of 4096. */
  misalignment(bytes: Uint8Array): number;
  open(path: string, write: boolean, create: boolean, direct: boolean): Promise<{ fd: number; direct: boolean }>;
  close(fd: number): Promise<void>;
  writeAt(fd: number, buffers: readonly Uint8Array[], offset: number, direct: boolean): Promise<void>;
  readAt(fd: number, into: Uint8Array, offset: number): Promise<number>;
  syncData(fd: number): Promise<void>;
  allocate(fd: number, offset: number, length: number): Promise<boolean>;
  punchHole(fd: number, offset: number, length: number): Promise<boolean>;
  truncate(fd: number, length: number): Promise<void>;
  stat(fd: number): Promise<{ bytes: number; allocatedBytes: number }>;
  syncDirectory(path: string): Promise<void>;
  /** A descriptor, or -1 where another holds the lock. */
  lockDirectory(path: string): Promise<number>;
}

let loaded: NativeAddon | undefined;

/**
 * The addon, loaded at the first call. Throws AppError KV_NATIVE_NOT_BUILT when it has not been compiled, or cannot be
 * loaded on this machine.
 */
export function nativeAddon(): NativeAddon {
  return (loaded ??= load());
}

function load(): NativeAddon {
  const path = join(dirname(dirname(fileURLToPath(import.meta.url))), 'build', 'longhaul_kv.node');
  if (!existsSync(path)) throw notBuilt('The native KV addon is not compiled: run `npm run build`.');
  const holder: { exports: unknown } = { exports: {} };
  try {
    process.dlopen(holder, path);
  } catch (cause) {
    throw notBuilt(`The native KV addon cannot be loaded on this machine: ${String(cause)}`, cause);
  }
  return holder.exports as NativeAddon;
}

function notBuilt(message: string, cause?: unknown): AppError {
  return new AppError({ code: 'FAILED_PRECONDITION', reason: 'KV_NATIVE_NOT_BUILT', message, cause });
}
