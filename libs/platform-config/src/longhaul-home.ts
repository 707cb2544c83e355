import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where models, KV and kernel profiles are kept on this machine: LONGHAUL_HOME, else the user's cache directory. */
export function longhaulHome(): string {
  const chosen = process.env['LONGHAUL_HOME'];
  if (chosen) return resolve(chosen);
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'longhaul');
}
