import { readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const NOT_IN_THE_ADDON = new Set(['test', 'bench']);

/** The addon's C++ sources, relative to the package, in a stable order. */
export function addonSources() {
  return readdirSync(join(root, 'native'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.cc'))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((path) => !path.split('/').some((part) => NOT_IN_THE_ADDON.has(part)))
    .sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(addonSources().join('\n'));
