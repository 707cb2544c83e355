import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { makePrivateDirectory, readBytes } from '@longhaul/files';
import { AppError } from '@longhaul/kernel';

/** Name of the file in the KV directory. Without it the blocks there can be found by nobody. */
const TENANT_SECRET_FILE = 'tenant-secret';
const SECRET_BYTES = 32;
const OWNER_ONLY = 0o600;

/**
 * The secret of a KV directory; made at the first use, readable by its owner alone.
 *
 * @throws AppError `KV_SECRET_UNREADABLE` when the file is there and is no secret, or cannot be made.
 */
export async function tenantSecretOf(directory: string): Promise<Uint8Array> {
  const path = join(directory, TENANT_SECRET_FILE);
  try {
    // Rights of a folder that is there are the store's business, which says so when it takes them from others.
    await makePrivateDirectory(directory);
    const found = read(path);
    if (found !== null) return found;
    await create(path);
    // Another process may have been first; what is in the file counts.
    const made = read(path);
    if (made !== null) return made;
  } catch (cause) {
    throw unreadable(path, cause);
  }
  throw unreadable(path, undefined);
}

/** Null where there is none yet. */
function read(path: string): Uint8Array | null {
  const found = readBytes(path, SECRET_BYTES);
  if (found.kind === 'missing') return null;
  if (found.kind === 'refused') throw new Error(found.problem, { cause: found.cause });
  if (found.bytes.length !== SECRET_BYTES) throw new Error(`it has ${found.bytes.length} bytes`);
  return found.bytes;
}

async function create(path: string): Promise<void> {
  try {
    const file = await open(path, 'wx', OWNER_ONLY);
    try {
      await file.chmod(OWNER_ONLY);
      await file.writeFile(randomBytes(SECRET_BYTES));
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function unreadable(path: string, cause: unknown): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'KV_SECRET_UNREADABLE',
    message: `${path} is no secret of ${SECRET_BYTES} bytes that can be read; remove it together with the KV directory.`,
    cause,
  });
}
