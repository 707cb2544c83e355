import { createWriteStream } from 'node:fs';
import { Readable, Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw, crc32 } from 'node:zlib';
import { AppError } from '@longhaul/kernel';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { openFileSource, type ByteSource } from '../checkpoint/byte-source.js';
import { corrupt, overLimit, shown, unsupported } from '../checkpoint/checkpoint-errors.js';

/** The directory of a wheel with 65,535 entries takes about 10 MB. */
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;
/** As many as the format has without its 64-bit extension: each becomes some objects, however short its name. */
const MAX_ENTRIES = 65_535;
/** Of an entry of the directory, beside its name and extra fields. */
const ENTRY_BYTES = 46;
const READ_BYTES = 1024 * 1024;
/** The default of 16 kB would make a callback of each. */
const INFLATE_BYTES = 1024 * 1024;
const STORED = 0;
const DEFLATED = 8;

export interface ZipEntry {
  readonly name: string;
  readonly bytes: number;
  readonly crc32: number;
  readonly inArchive: Entry;
}

interface ExtractOptions {
  signal?: AbortSignal | undefined;
  onBytes?: (bytes: number) => void;
}

/** Reads a zip file, stored or deflated, without holding it in memory: what wheels are. */
export class ZipArchive {
  readonly #source: ByteSource;
  readonly #zip: ZipFile;
  private constructor(
    opened: { source: ByteSource; zip: ZipFile },
    readonly entries: readonly ZipEntry[],
  ) {
    this.#source = opened.source;
    this.#zip = opened.zip;
  }

  /** @throws AppError `CHECKPOINT_CORRUPT`, `CHECKPOINT_LIMIT`. */
  static async open(path: string): Promise<ZipArchive> {
    const source = await openFileSource(path);
    try {
      const options = { autoClose: false, lazyEntries: true, strictFileNames: true };
      const zip = await yauzl.fromRandomAccessReaderPromise(new SourceReader(source), source.sizeBytes, options);
      return new ZipArchive({ source, zip }, await listed(zip, source.name));
    } catch (error) {
      await source.close();
      throw damaged(source.name, error);
    }
  }

  /** Writes one entry to `target`, which must not exist, and checks its size and CRC, which the library does not. */
  async extract(entry: ZipEntry, target: string, options: ExtractOptions = {}): Promise<void> {
    const { name } = this.#source;
    const { inArchive } = entry;
    const method = inArchive.compressionMethod;
    if (inArchive.isEncrypted()) throw unsupported(name, `${shown(entry.name)} is encrypted.`);
    if (method !== STORED && method !== DEFLATED)
      throw unsupported(name, `${shown(entry.name)} is compressed by method ${method}.`);
    const raw = await this.#zip.openReadStreamPromise(inArchive, { decodeFileData: false }).catch((error: unknown) => {
      throw damaged(name, error);
    });
    const check = new SizeAndCrc(entry, name, options.onBytes);
    const steps = method === DEFLATED ? [createInflateRaw({ chunkSize: INFLATE_BYTES }), check] : [check];
    const streams = [raw, ...steps, createWriteStream(target, { flags: 'wx' })];
    await pipeline(streams, options.signal ? { signal: options.signal } : {});
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}

/** Lets the library read a source in large pieces. */
class SourceReader extends yauzl.RandomAccessReader {
  readonly #source: ByteSource;

  constructor(source: ByteSource) {
    super();
    this.#source = source;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.#chunks(start, end), { objectMode: false });
  }

  override read(...[into, offset, length, position, done]: Parameters<yauzl.RandomAccessReader['read']>): void {
    this.#source.read(position, length).then((bytes) => {
      into.set(bytes, offset);
      done(null);
    }, done);
  }

  async *#chunks(start: number, end: number): AsyncGenerator<Uint8Array> {
    for (let at = start; at < end; at += READ_BYTES) yield await this.#source.read(at, Math.min(READ_BYTES, end - at));
  }
}

class SizeAndCrc extends Transform {
  readonly #entry: ZipEntry;
  readonly #archive: string;
  readonly #onBytes: ((bytes: number) => void) | undefined;
  #seen = 0;
  #crc = 0;

  constructor(entry: ZipEntry, archive: string, onBytes: ((bytes: number) => void) | undefined) {
    super();
    this.#entry = entry;
    this.#archive = archive;
    this.#onBytes = onBytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#seen += chunk.length;
    // Checked as it grows: a small archive can hold an endless run of zeros.
    if (this.#seen > this.#entry.bytes) return done(this.#mismatch());
    this.#crc = crc32(chunk, this.#crc);
    this.#onBytes?.(this.#seen);
    done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    done(this.#seen === this.#entry.bytes && this.#crc === this.#entry.crc32 ? null : this.#mismatch());
  }

  #mismatch(): Error {
    return corrupt(this.#archive, `${shown(this.#entry.name)} does not have the size and checksum that are stated.`);
  }
}

async function listed(zip: ZipFile, archive: string): Promise<ZipEntry[]> {
  if (zip.entryCount > MAX_ENTRIES) throw overLimit(archive, 'the number of its entries', MAX_ENTRIES);
  const entries: ZipEntry[] = [];
  let bytes = 0;
  for await (const entry of zip.eachEntry()) {
    bytes += ENTRY_BYTES + entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength;
    if (bytes > MAX_DIRECTORY_BYTES) throw overLimit(archive, 'its directory', MAX_DIRECTORY_BYTES);
    entries.push({ name: entry.fileName, bytes: entry.uncompressedSize, crc32: entry.crc32, inArchive: entry });
  }
  return entries;
}

function damaged(archive: string, error: unknown): Error {
  if (AppError.isInstance(error)) return error;
  return corrupt(archive, `it is no zip file that can be read: ${(error as Error).message}.`);
}
