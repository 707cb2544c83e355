// `npm run bench` and `npm run bench:peers`: the first word names the program in tools/bench.
import { join } from 'node:path';
import { become, fail, prepare, ROOT, runtime } from './steps.mjs';

const [program, ...words] = process.argv.slice(2);
if (program !== 'bench' && program !== 'bench-peers') fail('usage: bench.mjs bench|bench-peers [options]');
await prepare();
become(runtime(), [join(ROOT, 'tools', 'bench', 'dist', `${program}.js`), ...words]);
