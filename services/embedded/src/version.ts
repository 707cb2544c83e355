import { readFileSync } from 'node:fs';

/** The version in this package's package.json. */
export function packageVersion(): string {
  const file = new URL('../package.json', import.meta.url);
  const parsed = JSON.parse(readFileSync(file, 'utf8')) as { version?: unknown };
  return typeof parsed.version === 'string' ? parsed.version : 'unknown';
}
