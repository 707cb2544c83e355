import { createWriteStream } from 'node:fs';
import { Readable, Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw, crc32 } from 'node:zlib';
import { openFileSource, type ByteSource } from '../checkpoint/byte-source.js';
import { corrupt, overLimit, shown, unsupported } from '../checkpoint/checkpoint-errors.js';

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const END_BYTES = 22;
/** The comment behind the end record has a 16-bit length. */
const MAX_COMMENT_BYTES = 65_535;
/** The directory of a wheel with 65,535 entries takes about 10 MB. */
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;
/** The default of 16 kB would make a callback of each. */
const INFLATE_BYTES = 1024 * 1024;
const STORED = 0;
const DEFLATED = 8;

export interface ZipEntry {
  readonly name: string;
  readonly bytes: number;
  readonly compressedBytes: number;
  readonly crc32: number;
  readonly method: number;
  readonly localOffset: number;
}

interface ExtractOptions {
  signal?: AbortSignal | undefined;
  onBytes?: (bytes: number) => void;
}

/** Reads a zip file of up to 4 GiB, stored or deflated, without holding it in memory: what wheels are. */
export class ZipArchive {
  readonly #source: ByteSource;
  private constructor(
    source: ByteSource,
    readonly entries: readonly ZipEntry[],
  ) {
    this.#source = source;
  }

  /** @throws AppError `CHECKPOINT_CORRUPT`, `CHECKPOINT_LIMIT`, `UNSUPPORTED_CHECKPOINT` for zip64. */
  static async open(path: string): Promise<ZipArchive> {
    const source = await openFileSource(path);
    try {
      return new ZipArchive(source, await readDirectory(source));
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** Writes one entry to `target`, which must not exist, and checks its size and CRC. */
  async extract(entry: ZipEntry, target: string, options: ExtractOptions = {}): Promise<void> {
    const { name } = this.#source;
    const isKnown = entry.method === STORED || entry.method === DEFLATED;
    if (!isKnown) throw unsupported(name, `${shown(entry.name)} is compressed by method ${entry.method}.`);
    const start = await this.#dataOffset(entry);
    const check = new SizeAndCrc(entry, name, options.onBytes);
    const steps = entry.method === DEFLATED ? [createInflateRaw({ chunkSize: INFLATE_BYTES }), check] : [check];
    const raw = Readable.from(this.#chunks(start, start + entry.compressedBytes));
    const streams = [raw, ...steps, createWriteStream(target, { flags: 'wx' })];
    await pipeline(streams, options.signal ? { signal: options.signal } : {});
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  async *#chunks(start: number, end: number): AsyncGenerator<Uint8Array> {
    for (let at = start; at < end; at += READ_BYTES) yield await this.#source.read(at, Math.min(READ_BYTES, end - at));
  }

  async #dataOffset(entry: ZipEntry): Promise<number> {
    const header = await this.#source.read(entry.localOffset, 30);
    const view = new DataView(header.buffer);
    if (view.getUint32(0, true) !== LOCAL_SIGNATURE) {
      throw corrupt(this.#source.name, `${shown(entry.name)} is not where the directory says.`);
    }
    return entry.localOffset + 30 + view.getUint16(26, true) + view.getUint16(28, true);
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

async function readDirectory(source: ByteSource): Promise<ZipEntry[]> {
  const tailBytes = Math.min(source.sizeBytes, END_BYTES + MAX_COMMENT_BYTES);
  const tail = await source.read(source.sizeBytes - tailBytes, tailBytes);
  const view = new DataView(tail.buffer);
  let at = tailBytes - END_BYTES;
  while (at >= 0 && view.getUint32(at, true) !== END_SIGNATURE) at--;
  if (at < 0) throw corrupt(source.name, 'it is no zip file.');
  const count = view.getUint16(at + 10, true);
  const bytes = view.getUint32(at + 12, true);
  const offset = view.getUint32(at + 16, true);
  if (count === 0xffff || offset === 0xffffffff) throw unsupported(source.name, 'zip64 archives are not read.');
  if (bytes > MAX_DIRECTORY_BYTES) throw overLimit(source.name, 'its directory', MAX_DIRECTORY_BYTES);
  return parseEntries(await source.read(offset, bytes), count, source.name);
}

function parseEntries(directory: Uint8Array<ArrayBuffer>, count: number, archive: string): ZipEntry[] {
  const view = new DataView(directory.buffer);
  const entries: ZipEntry[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > directory.length || view.getUint32(at, true) !== ENTRY_SIGNATURE) {
      throw corrupt(archive, 'its directory is damaged.');
    }
    const nameBytes = view.getUint16(at + 28, true);
    entries.push({
      name: new TextDecoder().decode(directory.subarray(at + 46, at + 46 + nameBytes)),
      method: view.getUint16(at + 10, true),
      crc32: view.getUint32(at + 16, true),
      compressedBytes: view.getUint32(at + 20, true),
      bytes: view.getUint32(at + 24, true),
      localOffset: view.getUint32(at + 42, true),
    });
    at += 46 + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}
