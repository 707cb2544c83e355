import { access, constants, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A folder that servers write to, which may not be there yet. */
export interface FolderReport {
  path: string;
  freeBytes: number;
  writable: boolean;
}

/** Looks at the folder, or at the nearest one above it that is there. */
export async function folderReport(path: string): Promise<FolderReport> {
  const found = await nearestFolder(path);
  const { bavail, bsize } = await statfs(found);
  const writable = await access(found, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  return { path, freeBytes: bavail * bsize, writable };
}

async function nearestFolder(path: string): Promise<string> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  return isThere || dirname(path) === path ? path : nearestFolder(dirname(path));
}
