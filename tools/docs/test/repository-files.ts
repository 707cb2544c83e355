import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../../..');

const FOREIGN = new Set([
  'node_modules',
  'dist',
  'build',
  'generated',
  'fixtures',
  'goldens',
  '.git',
  '.nx',
  '.longhaul',
]);

/** Paths of our own files below a folder of the repository, those with this ending. */
export function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return FOREIGN.has(entry.name) ? [] : filesBelow(path, ending);
    return entry.name.endsWith(ending) ? [path] : [];
  });
}
