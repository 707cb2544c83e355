import { mkdir, readdir, rename, unlink } from 'node:fs/promises';
import {
  type BlockFile,
  diskError,
  lockDirectory,
  openBlockFile,
  type OpenMode,
  syncDirectory,
} from '@longhaul/kv-native';

/** The file operations of the disk tier; every rejection is an AppError of a `KV_DISK_` reason. */
export interface DiskFiles {
  open(path: string, mode: OpenMode): Promise<BlockFile>;
  lock(directory: string): Promise<() => Promise<void>>;
  /** Names in the folder, sorted. */
  list(directory: string): Promise<string[]>;
  makeDirectory(path: string): Promise<void>;
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
  open: (path, mode) => openBlockFile(path, mode),
  lock: lockDirectory,
  list: async (directory) => (await told(directory, readdir(directory))).sort(),
  makeDirectory: async (path) => {
    await told(path, mkdir(path, { recursive: true, mode: 0o700 }));
  },
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
