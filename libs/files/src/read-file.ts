import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { faultOfError, faultOfKind, refused, type FileFault } from './file-fault.js';

export type BytesRead = { readonly kind: 'read'; readonly bytes: Buffer } | FileFault;
export type TextRead = { readonly kind: 'read'; readonly text: string } | FileFault;

/**
 * Reads a small file whole, as one that configuration names: a regular file, or a link to one, of at most `maxBytes`.
 * Nothing else is waited for or read: no pipe, no device, no file that grows meanwhile. Never throws.
 *
 * @remarks Blocks, for as long as the file system takes; for starts, and for what is read seldom.
 */
export function readBytes(path: string, maxBytes: number): BytesRead {
  let file: number | undefined;
  try {
    // Before it is opened as well, since opening a device can have effects.
    const before = faultOfKind(path, statSync(path, { bigint: true }));
    if (before !== null) return before;
    // Without waiting for a writer, should a pipe have come in between.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return readOpened({ path, file, maxBytes });
  } catch (error) {
    return faultOfError(path, error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** As {@link readBytes}, for text in UTF-8; bytes that are no text are refused. A byte-order mark stays. */
export function readText(path: string, maxBytes: number): TextRead {
  const read = readBytes(path, maxBytes);
  if (read.kind !== 'read') return read;
  if (!isUtf8(read.bytes)) return refused(path, 'is not UTF-8');
  return { kind: 'read', text: read.bytes.toString('utf8') };
}

function readOpened({ path, file, maxBytes }: { path: string; file: number; maxBytes: number }): BytesRead {
  const stats = fstatSync(file, { bigint: true });
  const fault = faultOfKind(path, stats);
  if (fault !== null) return fault;
  if (stats.size > BigInt(maxBytes)) return refused(path, `has ${stats.size} bytes; at most ${maxBytes} are read`);
  const size = Number(stats.size);
  // One byte more than there should be shows a file that grows, or one whose size says nothing.
  const bytes = Buffer.alloc(size + 1);
  let done = 0;
  for (let got = 1; got > 0 && done <= size; done += got) got = readSync(file, bytes, done, size + 1 - done, done);
  const after = fstatSync(file, { bigint: true });
  if (done !== size || after.size !== stats.size || after.mtimeNs !== stats.mtimeNs)
    return refused(path, 'changed while it was read');
  return { kind: 'read', bytes: bytes.subarray(0, size) };
}
