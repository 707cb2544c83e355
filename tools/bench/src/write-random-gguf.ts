import { resolve } from 'node:path';
import { HALF_BILLION } from './gguf/llama-shape.js';
import { writeRandomGguf } from './gguf/write-random-gguf.js';

/** Usage: node dist/write-random-gguf.js [FILE] */
const path = resolve(process.argv[2] ?? `.longhaul/bench/${HALF_BILLION.name}-q8_0.gguf`);
const sha256 = await writeRandomGguf(path, HALF_BILLION, {
  seed: 1,
  ...(process.stderr.isTTY && {
    onProgress: (share) => process.stderr.write(`\rwriting ${path}: ${(share * 100).toFixed(0)} %`),
  }),
});
if (process.stderr.isTTY) process.stderr.write('\n');
console.log(`${sha256}  ${path}`);
