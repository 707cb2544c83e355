import { chmod, readdir, rename, unlink } from 'node:fs/promises';
import {
  type BlockFile,
  diskError,
  lockDirectory,
  openBlockFile,
  type OpenMode,
  syncDirectory,
} from '@longhaul/kv-native';
import { type FolderRights, ownFolder } from './folder-rights.js';

/** The file operations of the disk tier; every rejection is an AppError of a `KV_DISK_` reason. */
export interface DiskFiles {
  /** `cached`: through the page cache, for small files that are written often. Created files are their owner's alone. */
  open(path: string, mode: OpenMode, how?: 'cached'): Promise<BlockFile>;
  lock(directory: string): Promise<() => Promise<void>>;
  /** Names in the folder, sorted. */
  list(directory: string): Promise<string[]>;
  /** Makes the folder if it is missing, and it and its files their owner's alone as far as that is ours to do. */
  ownDirectory(path: string): Promise<FolderRights>;
  rename(from: string, to: string): Promise<void>;
  /** Missing files are no error. */
  remove(path: string): Promise<void>;
  /** Makes names created, renamed and removed in the folder durable. */
  syncDirectory(path: string): Promise<void>;
}

async function told<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw diskError(error, path);
  }
}

/** The files of this machine. */
export const nativeFiles: DiskFiles = {
  open: async (path, mode, how) => {
    const file = await openBlockFile(path, mode, how !== 'cached');
    // The umask may have taken from its owner what it asked for.
    if (mode === 'create') await told(path, chmod(path, 0o600));
    return file;
  },
  lock: lockDirectory,
  list: async (directory) => (await told(directory, readdir(directory))).sort(),
  ownDirectory: ownFolder,
  rename: (from, to) => told(to, rename(from, to)),
  remove: (path) =>
    told(
      path,
      unlink(path).catch((error: unknown) => {
        if ((error as Partial<NodeJS.ErrnoException>).code !== 'ENOENT') throw error;
      }),
    ),
  syncDirectory,
};
