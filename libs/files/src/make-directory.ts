import { chmod, mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

const OWNER = 0o700;

/**
 * Makes a directory and those above it that are missing; one that is there already is fine.
 *
 * @remarks Node's own recursive `mkdir` never returns where the file system refuses a new name with ENOENT (/proc), and
 * tells ENOENT instead of EROFS on a read-only one.
 * @throws the error of the file system, with the path at fault.
 */
export async function makeDirectory(path: string): Promise<void> {
  await make(resolve(path));
}

/**
 * As {@link makeDirectory}, but what it makes, the directories above included, is its owner's alone. The last one is so whatever
 * the umask. Rights of directories that are there already stay.
 */
export async function makePrivateDirectory(path: string): Promise<void> {
  const target = resolve(path);
  if (await make(target, OWNER)) await chmod(target, OWNER);
}

/** @returns whether the last directory was made here. */
async function make(target: string, mode?: number): Promise<boolean> {
  try {
    return await makeOne(target, mode);
  } catch (error) {
    const parent = dirname(target);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === target) throw error;
    await make(parent, mode);
    return makeOne(target, mode);
  }
}

async function makeOne(target: string, mode: number | undefined): Promise<boolean> {
  try {
    await mkdir(target, { mode });
    return true;
  } catch (error) {
    // Another process may have been faster.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' && (await isDirectory(target))) return false;
    throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}
