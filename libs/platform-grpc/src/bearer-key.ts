import { createHash, timingSafeEqual } from 'node:crypto';
import { AppError } from '@longhaul/kernel';

/** The name of the scheme is case-insensitive; one or more spaces follow it. */
const BEARER = /^bearer +(\S.*)$/i;

/**
 * Asks for a bearer key, over HTTP and gRPC alike; the comparison takes the same time whatever is wrong.
 *
 * @param expectedKey undefined where everybody may come.
 * @throws AppError `INVALID_API_KEY` where another key came, or none.
 */
export function requireBearerKey(expectedKey: string | undefined, authorization: string | undefined): void {
  if (expectedKey === undefined) return;
  if (timingSafeEqual(sha256(expectedKey), sha256(bearerKey(authorization)))) return;
  throw invalidApiKey();
}

/** The key that a caller sent, empty where none came. */
export function bearerKey(authorization: string | undefined): string {
  const [, given = ''] = BEARER.exec(authorization ?? '') ?? [];
  return given;
}

/** Another key than any that is known, or none. */
export function invalidApiKey(): AppError {
  return new AppError({
    code: 'UNAUTHENTICATED',
    reason: 'INVALID_API_KEY',
    message: 'The API key is missing or wrong; send it as Authorization: Bearer.',
  });
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
