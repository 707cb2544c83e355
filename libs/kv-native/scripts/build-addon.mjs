import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildAddonFromCommandLine } from '../../../tools/bootstrap/build-addon.mjs';

/** What tools/bootstrap/build-addon.mjs needs to know of this package's addon. */
export const addon = {
  root: dirname(dirname(fileURLToPath(import.meta.url))),
  name: 'longhaul_kv',
  title: 'native KV addon',
};

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAddonFromCommandLine(addon);
