// `npm run eval`: what each attention policy costs in accuracy and saves in time; its words go to tools/eval.
import { join } from 'node:path';
import { become, prepare, ROOT, runtime } from './steps.mjs';

await prepare();
become(runtime(), [join(ROOT, 'tools', 'eval', 'dist', 'main.js'), ...process.argv.slice(2)]);
