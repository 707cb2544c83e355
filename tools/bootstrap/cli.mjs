// Runs the `longhaul` command of this checkout: `npm run longhaul -- model import ...`.
import { join } from 'node:path';
import { become, prepare, ROOT, runtime } from './steps.mjs';

await prepare();
become(runtime(), [join(ROOT, 'tools', 'cli', 'dist', 'main.js'), ...process.argv.slice(2)]);
