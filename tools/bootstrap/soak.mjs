// `npm run soak`: many streams at once against one server for minutes; its words go to tools/soak.
import { join } from 'node:path';
import { become, prepare, ROOT, runtime } from './steps.mjs';

await prepare();
become(runtime(), [join(ROOT, 'tools', 'soak', 'dist', 'main.js'), ...process.argv.slice(2)]);
