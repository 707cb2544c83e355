// `npm run fuzz:api`: random requests, legal and broken, against a server of its own; its words go to tools/fuzz-api.
import { join } from 'node:path';
import { become, prepare, ROOT, runtime } from './steps.mjs';

await prepare();
become(runtime(), [join(ROOT, 'tools', 'fuzz-api', 'dist', 'main.js'), ...process.argv.slice(2)]);
