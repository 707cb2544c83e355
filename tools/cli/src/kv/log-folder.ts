import { join, resolve } from 'node:path';
import { longhaulHome } from '@longhaul/embedded';
import { AppError, invalidArgument } from '@longhaul/kernel';
import type { LoggedBlock, LogListing } from '@longhaul/kv-store';
import type { Flags } from '../flags.js';

/** The directory that a command works on; without `--kv-dir` the one that `longhaul serve` uses by itself. */
export function kvDir(flags: Flags): string {
  const given = flags.values['kv-dir'];
  return given ? resolve(given) : join(longhaulHome(), 'kv');
}

/** The directory, or null where the command goes to a running store. */
export function kvDirUnlessAddress(flags: Flags): string | null {
  const { 'kv-dir': dir, address } = flags.values;
  if (dir !== undefined && address !== undefined)
    throw invalidArgument(
      '--kv-dir',
      'Either --kv-dir DIR or --address HOST:PORT says which store is meant, not both.',
    );
  return address === undefined ? kvDir(flags) : null;
}

/** What is served from the log. */
export function liveBlocks(listing: LogListing): LoggedBlock[] {
  return listing.items.filter((item) => item.kind === 'record').filter(({ state }) => state === 'live');
}

/** Runs what changes a directory; a directory that a process uses is left alone. */
export async function exclusively<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!AppError.isInstance(error) || error.reason !== 'KV_DISK_LOCKED') throw error;
    throw new AppError({
      code: 'FAILED_PRECONDITION',
      reason: 'KV_DISK_LOCKED',
      message: `${directory} is in use by a running process and was not changed. Stop it first.`,
      cause: error,
    });
  }
}
