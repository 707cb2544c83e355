import { chmod, lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makePrivateDirectory } from '@longhaul/files';
import { diskError } from '@longhaul/kv-native';

/** Who may read and change a folder of KV, and whether that was put right. */
export interface FolderRights {
  /** `private`: it was its owner's alone; `tightened`: it is now; `open`: others can get at its list of files. */
  readonly state: 'private' | 'tightened' | 'open';
  /** Permission bits as they were found. */
  readonly mode: number;
  /** Files of ours that others could read or write, which they no longer can. */
  readonly tightenedFiles: number;
}

const OTHERS = 0o077;
const OWN_FILES =
  /^(segment-[0-9a-f]{8}\.log|checkpoint-[0-9a-f]{14}\.idx|ledger\.dat|tenant-secret)(\.damaged|\.tmp)?$/;
/** What may lie beside them in a folder that is ours. */
const SIDE_FILES = new Set(['lost+found']);

/**
 * Makes a folder that is its owner's alone, whatever the umask, or takes the rights of others from one that is there:
 * from its files always, from the folder itself where nothing but KV lies in it. Rejects with `KV_DISK_IO` and
 * `KV_DISK_READ_ONLY` where the folder cannot be made or looked at.
 */
export async function ownFolder(path: string): Promise<FolderRights> {
  try {
    await makePrivateDirectory(path);
    const names = await readdir(path);
    const mode = (await stat(path)).mode & 0o7777;
    const tightenedFiles = await tightenFiles(path, names.filter(isOwn));
    return { state: await tightenFolder(path, mode, names), mode, tightenedFiles };
  } catch (error) {
    throw diskError(error, path);
  }
}

function isOwn(name: string): boolean {
  return OWN_FILES.test(name);
}

async function tightenFolder(path: string, mode: number, names: readonly string[]): Promise<FolderRights['state']> {
  if ((mode & OTHERS) === 0) return 'private';
  // A folder with other things in it may be somebody else's business.
  if (!names.every((name) => isOwn(name) || SIDE_FILES.has(name))) return 'open';
  return (await changed(path, mode & ~OTHERS)) ? 'tightened' : 'open';
}

async function tightenFiles(folder: string, names: readonly string[]): Promise<number> {
  let count = 0;
  for (const name of names) {
    const path = join(folder, name);
    const status = await lstat(path);
    const mode = status.mode & 0o7777;
    if (status.isFile() && (mode & OTHERS) !== 0 && (await changed(path, mode & ~OTHERS))) count++;
  }
  return count;
}

/** False where this process may not: it is not the owner, or the file system is read-only. */
async function changed(path: string, mode: number): Promise<boolean> {
  try {
    await chmod(path, mode);
    return true;
  } catch {
    return false;
  }
}
