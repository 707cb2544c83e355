import { homedir } from 'node:os';
import { join } from 'node:path';
import { pullModel } from '../../src/sources.js';

/** Downloads may take long on a slow line; here it is 93 MB. */
export const PULL_TIMEOUT_MS = 600_000;

/** Path of the default model's GGUF file, in the directory that serving uses: fetched once on a machine. */
export function pullDefaultModel(): Promise<string> {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const home = process.env['LONGHAUL_HOME'] || join(cache, 'longhaul');
  return pullModel('smollm2-135m-instruct', { cacheDir: join(home, 'checkpoints') });
}
