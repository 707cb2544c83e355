// Writes docs/configuration.md, docs/metrics.md and docs/policies.md from the schemas in code. Run after a build; `--check` only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pages } from './pages.mjs';

const docs = resolve(import.meta.dirname, '../../docs');

let stale = false;
for (const [name, text] of Object.entries(pages())) {
  const path = join(docs, name);
  if (!process.argv.includes('--check')) writeFileSync(path, text);
  else if (readFileSync(path, 'utf8') !== text) {
    stale = true;
    process.stderr.write(`docs/${name} is out of date; run npm run docs\n`);
  }
}
process.exitCode = stale ? 1 : 0;
