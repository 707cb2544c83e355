// `npm run bench`, `bench:peers`, `bench:memory`, `bench:restart`, `bench:kv`, `bench:kernels`,
// `bench:sparse`, `bench:drafts`, `bench:fidelity`, `bench:worst-bodies`: the first word names the program in tools/bench.
import { join } from 'node:path';
import { become, fail, prepare, ROOT, runtime } from './steps.mjs';

const PROGRAMS = [
  'bench',
  'bench-peers',
  'bench-memory',
  'bench-restart',
  'bench-kv',
  'bench-kernels',
  'bench-sparse',
  'bench-drafts',
  'bench-fidelity',
  'bench-worst-bodies',
];
const [program, ...words] = process.argv.slice(2);
if (!PROGRAMS.includes(program)) fail(`usage: bench.mjs ${PROGRAMS.join('|')} [options]`);
await prepare();
become(runtime(), [join(ROOT, 'tools', 'bench', 'dist', `${program}.js`), ...words]);
