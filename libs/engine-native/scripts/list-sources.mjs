import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addonSources } from '../../../tools/bootstrap/build-addon.mjs';

// For binding.gyp: one source a line.
console.log(addonSources(dirname(dirname(fileURLToPath(import.meta.url)))).join('\n'));
