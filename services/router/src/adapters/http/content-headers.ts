import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { AppError } from '@longhaul/kernel';

const DECODERS: ReadonlyMap<string, () => Transform> = new Map([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
] as [string, () => Transform][]);
const CHARSETS = new Set(['utf-8', 'utf8', 'us-ascii']);
const CHARSET = /;\s*charset\s*=\s*(?:"([^"]*)"|([^\s;]*))/i;

/**
 * What turns a body into JSON bytes, or null where it comes as it is.
 *
 * @throws AppError `UNSUPPORTED_MEDIA_TYPE` for another coding than gzip, deflate and br, for several, and for another
 * character set than UTF-8.
 */
export function bodyDecoder(headers: IncomingHttpHeaders): Transform | null {
  const [, quoted, plain] = CHARSET.exec(headers['content-type'] ?? '') ?? [];
  const charset = (quoted ?? plain)?.trim().toLowerCase();
  if (charset !== undefined && !CHARSETS.has(charset)) throw unsupported('Content-Type', 'charset must be utf-8');
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (coding === 'identity' || coding === '') return null;
  const create = DECODERS.get(coding);
  if (!create) throw unsupported('Content-Encoding', 'Content-Encoding must be gzip, deflate, br or identity');
  return create();
}

/** Whether the client announced a body and has not sent all of it. */
export function bodyIsComing({ headers, complete }: IncomingMessage): boolean {
  if (complete) return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function unsupported(field: string, rule: string): AppError {
  const message = `The body cannot be read: ${rule}.`;
  return new AppError({ code: 'INVALID_ARGUMENT', reason: 'UNSUPPORTED_MEDIA_TYPE', message, field });
}
