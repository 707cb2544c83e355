import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { corrupt } from './checkpoint-errors.js';
import { mustOpenRegularFile } from './regular-file.js';

/** Random access to bytes; the readers of checkpoint formats know only this. */
export interface ByteSource {
  /** For messages: the file's name. */
  readonly name: string;
  readonly sizeBytes: number;

  /**
   * Reads exactly `length` bytes at `offset` into memory of its own, from the start of an ArrayBuffer, so that typed
   * views of any element size fit. Safe for concurrent use.
   *
   * @throws AppError `CHECKPOINT_CORRUPT` when the source ends before.
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;

  close(): Promise<void>;
}

class FileSource implements ByteSource {
  readonly #handle: FileHandle;
  constructor(
    readonly name: string,
    readonly sizeBytes: number,
    handle: FileHandle,
  ) {
    this.#handle = handle;
  }

  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    assertInside(this, offset, length);
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#handle.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) throw corrupt(this.name, `the file shrank while it was read, at byte ${offset + done}.`);
      done += bytesRead;
    }
    return bytes;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

class MemorySource implements ByteSource {
  readonly #bytes: Uint8Array;
  constructor(
    readonly name: string,
    bytes: Uint8Array,
  ) {
    this.#bytes = bytes;
  }

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    assertInside(this, offset, length);
    return new Uint8Array(this.#bytes.subarray(offset, offset + length));
  }

  async close(): Promise<void> {}
}

/** Opens a regular file for positioned reads. @throws AppError `CHECKPOINT_UNREADABLE`. */
export async function openFileSource(path: string): Promise<ByteSource> {
  const { handle, stats } = await mustOpenRegularFile(path);
  return new FileSource(basename(path), Number(stats.size), handle);
}

/** Bytes in memory as a source; it does not copy them until they are read. */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return new MemorySource(name, bytes);
}

function assertInside(source: ByteSource, offset: number, length: number): void {
  if (offset < 0 || length < 0 || offset + length > source.sizeBytes) {
    throw corrupt(source.name, `it ends at byte ${source.sizeBytes}, before byte ${offset + length}.`);
  }
}
