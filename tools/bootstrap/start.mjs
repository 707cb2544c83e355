// `npm start`: installs what is missing, compiles, fetches and imports the default model, serves.
import { join } from 'node:path';
import { become, prepare, ROOT, runtime } from './steps.mjs';

await prepare();
become(runtime(), [join(ROOT, 'tools', 'cli', 'dist', 'main.js'), 'serve', ...process.argv.slice(2)]);
