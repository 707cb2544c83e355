import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Makes a directory and those above it that are missing; one that is there already is fine.
 *
 * @remarks Node's own recursive `mkdir` never returns where the file system refuses a new name with ENOENT (/proc), and
 * tells ENOENT instead of EROFS on a read-only one.
 * @throws the error of the file system, with the path at fault.
 */
export async function makeDirectory(path: string): Promise<void> {
  const target = resolve(path);
  try {
    await mkdir(target);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await isDirectory(target))) return;
    const parent = dirname(target);
    if (code !== 'ENOENT' || parent === target) throw error;
    await makeDirectory(parent);
    await mkdir(target).catch(async (again: NodeJS.ErrnoException) => {
      // Another process may have been faster.
      if (again.code !== 'EEXIST' || !(await isDirectory(target))) throw again;
    });
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}
