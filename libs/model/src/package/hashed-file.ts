import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';

const ZEROS = new Uint8Array(4096);

/** A file that is written once from start to end while its SHA-256 is computed. */
export class HashedFile {
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #bytes = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Creates the file; fails if it exists. */
  static async create(path: string): Promise<HashedFile> {
    return new HashedFile(await open(path, 'wx'));
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    for (let done = 0; done < bytes.byteLength;) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.byteLength - done, this.#bytes + done);
      done += bytesWritten;
    }
    this.#bytes += bytes.byteLength;
  }

  /** Fills with zeros up to `offset`. */
  async padTo(offset: number): Promise<void> {
    while (this.#bytes < offset) {
      await this.append(ZEROS.subarray(0, Math.min(ZEROS.byteLength, offset - this.#bytes)));
    }
  }

  /** Makes the file durable and closes it. */
  async finish(): Promise<{ bytes: number; sha256: string }> {
    await this.#file.sync();
    await this.#file.close();
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  /** Closes without the promise that anything is on disk. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => undefined);
  }
}
