import { AppError } from '@longhaul/kernel';
import { diskError } from './io-error.js';
import { JobGate } from './job-gate.js';
import { nativeAddon } from './native-addon.js';

/** Offsets and lengths of direct transfers are multiples of this. */
export const BLOCK_BYTES = 4096;

/** File operations of this process, under way and waiting: for gauges. */
export const fileJobs = new JobGate();

export type OpenMode = 'read' | 'write' | 'create';

export interface FileStatus {
  readonly bytes: number;
  /** What the file system has allocated (`st_blocks`): less than `bytes` with holes, more when preallocated. */
  readonly allocatedBytes: number;
}

/**
 * An open file whose operations run off the JavaScript thread. Every rejection is an AppError: `KV_DISK_FULL`,
 * `KV_DISK_READ_ONLY`, `KV_DISK_IO`, or `KV_BUSY` when too many operations wait in this process.
 */
export interface BlockFile {
  readonly path: string;
  /** True where transfers bypass the page cache (O_DIRECT); false where the file system does not offer it. */
  readonly direct: boolean;
  /** Writes the buffers one after the other. Offset and total length: multiples of 4096. They must not change until it settles. */
  writeAt(buffers: readonly Uint8Array[], offset: number): Promise<void>;
  /**
   * Any offset and length; what is read from the medium is the blocks around them, into a fresh buffer of which the
   * result is a view. Shorter than asked only at the end of the file.
   */
  readAt(offset: number, length: number): Promise<Uint8Array>;
  /** Resolves when everything written before is on the medium. */
  sync(): Promise<void>;
  /** Reserves space, extending the file. False where the file system cannot. */
  allocate(offset: number, length: number): Promise<boolean>;
  /** Gives space back; the range then reads as zeros. False where the file system cannot. */
  punchHole(offset: number, length: number): Promise<boolean>;
  truncate(bytes: number): Promise<void>;
  status(): Promise<FileStatus>;
  /** Closes after the operations under way. Later ones reject with KV_DISK_IO. */
  close(): Promise<void>;
}

/** A buffer of zeros whose address is a multiple of 4096. */
export function alignedBuffer(bytes: number): Uint8Array {
  const room = new Uint8Array(bytes + BLOCK_BYTES);
  const start = nativeAddon().misalignment(room);
  return room.subarray(start, start + bytes);
}

/** Opens a file, past the page cache where that is possible (`direct` of the result tells). */
export async function openBlockFile(path: string, mode: OpenMode, direct = true): Promise<BlockFile> {
  try {
    const file = await nativeAddon().open(path, mode !== 'read', mode === 'create', direct);
    return new NativeFile(path, file.fd, file.direct);
  } catch (error) {
    throw diskError(error, path);
  }
}

/** Makes new, renamed and removed names in a folder durable. */
export async function syncDirectory(path: string): Promise<void> {
  try {
    await fileJobs.run(() => nativeAddon().syncDirectory(path));
  } catch (error) {
    throw diskError(error, path);
  }
}

/**
 * Takes the folder for this process, by an advisory lock that ends with it, however it ends. Resolves to what gives the
 * lock back. Rejects with `KV_DISK_LOCKED` where another holds it.
 */
export async function lockDirectory(path: string): Promise<() => Promise<void>> {
  const addon = nativeAddon();
  const fd = await addon.lockDirectory(path).catch((error: unknown) => {
    throw diskError(error, path);
  });
  if (fd >= 0) return () => addon.close(fd);
  throw new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'KV_DISK_LOCKED',
    message: `${path}: another process or store has this folder open.`,
  });
}

class NativeFile implements BlockFile {
  readonly path: string;
  readonly direct: boolean;
  readonly #fd: number;
  #pending = 0;
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(path: string, fd: number, direct: boolean) {
    this.path = path;
    this.direct = direct;
    this.#fd = fd;
  }

  writeAt(buffers: readonly Uint8Array[], offset: number): Promise<void> {
    const total = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    if (total % BLOCK_BYTES !== 0 || offset % BLOCK_BYTES !== 0) {
      throw new AppError({
        code: 'INTERNAL',
        reason: 'KV_DISK_UNALIGNED',
        message: `${this.path}: ${String(total)} bytes at ${String(offset)} are not whole blocks.`,
      });
    }
    return this.#run(() => nativeAddon().writeAt(this.#fd, buffers, offset, this.direct));
  }

  async readAt(offset: number, length: number): Promise<Uint8Array> {
    const begin = offset - (offset % BLOCK_BYTES);
    const cover = alignedBuffer(Math.ceil((offset + length - begin) / BLOCK_BYTES) * BLOCK_BYTES);
    const got = await this.#run(() => nativeAddon().readAt(this.#fd, cover, begin));
    return cover.subarray(Math.min(offset - begin, got), Math.min(offset - begin + length, got));
  }

  sync(): Promise<void> {
    return this.#run(() => nativeAddon().syncData(this.#fd));
  }

  allocate(offset: number, length: number): Promise<boolean> {
    return this.#run(() => nativeAddon().allocate(this.#fd, offset, length));
  }

  punchHole(offset: number, length: number): Promise<boolean> {
    return this.#run(() => nativeAddon().punchHole(this.#fd, offset, length));
  }

  truncate(bytes: number): Promise<void> {
    return this.#run(() => nativeAddon().truncate(this.#fd, bytes));
  }

  status(): Promise<FileStatus> {
    return this.#run(() => nativeAddon().stat(this.#fd));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#pending > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    await nativeAddon().close(this.#fd);
  }

  async #run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#closed) {
      throw new AppError({ code: 'UNAVAILABLE', reason: 'KV_DISK_IO', message: `${this.path}: the file is closed.` });
    }
    this.#pending++;
    try {
      return await fileJobs.run(operation);
    } catch (error) {
      throw diskError(error, this.path);
    } finally {
      this.#pending--;
      if (this.#pending === 0) this.#idle?.();
    }
  }
}
