#!/usr/bin/env node
// Runs the `longhaul` command of this checkout: `npx longhaul model list`, `npm run longhaul -- model list`.
import { join } from 'node:path';
import { become, prepare, ROOT, runtime } from './steps.mjs';

await prepare();
become(runtime(), [join(ROOT, 'tools', 'cli', 'dist', 'main.js'), ...process.argv.slice(2)]);
