// `npm start`: installs what is missing, compiles, fetches and imports the default model, serves.
import { join } from 'node:path';
import { become, prepare, ROOT, runtime } from './steps.mjs';

/** V8 gives new objects up to 48 MB by default; a server that streams tokens needs a fraction of that. */
const SERVER_FLAGS = ['--max-semi-space-size=4'];

await prepare();
become(runtime(), [...SERVER_FLAGS, join(ROOT, 'tools', 'cli', 'dist', 'main.js'), 'serve', ...process.argv.slice(2)]);
