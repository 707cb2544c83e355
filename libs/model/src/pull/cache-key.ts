import { createHash } from 'node:crypto';

/** Leaves room for `.partial` and `.lock` in a file name of 255 bytes. */
const MAX_KEY_CHARACTERS = 200;

/**
 * The name of a cached source: its parts joined so that a person can read it. Parts that could be cut otherwise, or hold
 * what is no file name, get a digest behind them, so that two sources never share a place.
 */
export function cacheKey(parts: readonly string[]): string {
  const plain = parts.map((part) => part.replaceAll('/', '_').replace(/[^\w.+!-]/g, '_'));
  const key = plain.join('--');
  const isPlain = parts.every((part, index) => part === plain[index] && !part.includes('--') && !/^-|-$/.test(part));
  if (isPlain && key.length <= MAX_KEY_CHARACTERS) return key;
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);
  return `${key.slice(0, MAX_KEY_CHARACTERS - 14)}--${digest}`;
}
