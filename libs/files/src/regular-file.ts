import { constants, type BigIntStats } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { faultOfError, faultOfKind, type FileFault } from './file-fault.js';

/** An open regular file; whoever opened it closes `handle`. */
export interface RegularFile {
  readonly path: string;
  readonly handle: FileHandle;
  /** As it was opened. */
  readonly stats: BigIntStats;
}

export type OpenedFile = ({ readonly kind: 'opened' } & RegularFile) | FileFault;

/**
 * Opens a regular file for reading. Links may lead anywhere, as those of mounted secrets and of a hub's cache do, but only to a regular
 * file: a pipe would hang, a device never ends. The kind is asked before the file is opened, as opening a device can have
 * effects, and again on what was opened. Never rejects.
 */
export async function openRegularFile(path: string): Promise<OpenedFile> {
  try {
    const before = faultOfKind(path, await stat(path, { bigint: true }));
    if (before !== null) return before;
    // Without waiting for a writer, should a pipe have come in between.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await handle.stat({ bigint: true });
      const fault = faultOfKind(path, stats);
      if (fault === null) return { kind: 'opened', path, handle, stats };
      await handle.close();
      return fault;
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    return faultOfError(path, error);
  }
}
