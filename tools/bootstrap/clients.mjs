// `npm run clients`: the clients that people use, each against a server of its own; its words go to tools/clients.
import { join } from 'node:path';
import { become, prepare, ROOT, runtime } from './steps.mjs';

await prepare();
become(runtime(), [join(ROOT, 'tools', 'clients', 'dist', 'main.js'), ...process.argv.slice(2)]);
