import { createHash } from 'node:crypto';
import { mustOpenRegularFile } from '../checkpoint/regular-file.js';

interface DigestOptions {
  algorithm?: 'sha256' | 'sha1';
  /** Hashed before the file. */
  prefix?: string;
  signal?: AbortSignal | undefined;
  /** Called with the bytes hashed so far. */
  onBytes?: (bytes: number) => void;
}

/** Hex digest of a file, streamed; SHA-256 by default. */
export async function fileDigest(path: string, options: DigestOptions = {}): Promise<string> {
  const hash = createHash(options.algorithm ?? 'sha256');
  if (options.prefix !== undefined) hash.update(options.prefix);
  const { handle } = await mustOpenRegularFile(path);
  const stream = handle.createReadStream({ highWaterMark: 1 << 20, signal: options.signal });
  let done = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk);
    options.onBytes?.((done += chunk.length));
  }
  return hash.digest('hex');
}
