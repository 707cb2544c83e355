// Writes the golden block files anew. Only when the format changes on purpose, with a new version number:
//
//     npx tsc -b libs/kv-core && node libs/kv-core/scripts/write-goldens.mjs
import { mkdirSync, writeFileSync } from 'node:fs';
import { GOLDEN_BLOCKS } from '../dist/testing/golden-blocks.js';
import { sampleBlock } from '../dist/testing/sample-block.js';

const folder = new URL('../test/golden/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, options] of Object.entries(GOLDEN_BLOCKS)) {
  const bytes = sampleBlock(options);
  writeFileSync(new URL(`${name}.bin`, folder), bytes);
  console.log(`${name}.bin ${bytes.length} bytes`);
}
