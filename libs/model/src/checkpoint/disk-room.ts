import { statfs } from 'node:fs/promises';
import { AppError } from '@longhaul/kernel';

/**
 * Refuses a long write before it begins where the disk has no room for it. Quotas are not seen here; a disk that fills up
 * meanwhile ends the write itself.
 *
 * @param what the subject of the sentence, as in "The model package".
 * @throws AppError `DISK_FULL` with both numbers.
 */
export async function assertRoom(directory: string, neededBytes: number, what: string): Promise<void> {
  const disk = await statfs(directory).catch(() => null);
  if (disk === null) return;
  const freeBytes = disk.bavail * disk.bsize;
  // Some file systems that are no disks tell 0 blocks in all.
  if (disk.blocks === 0 || freeBytes >= neededBytes) return;
  throw new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'DISK_FULL',
    message:
      `${what} needs ${megabytes(neededBytes)} at ${directory}, where ${megabytes(freeBytes)} are free; ` +
      'free some space or choose another place with LONGHAUL_HOME or --out.',
    field: 'out',
    details: { neededBytes, freeBytes },
  });
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
