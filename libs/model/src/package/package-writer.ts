import { randomBytes } from 'node:crypto';
import { lstat, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AppError } from '@longhaul/kernel';
import { makeDirectory } from '@longhaul/files';
import { ownerText } from '../leftovers/process-owner.js';
import { OWNER_FILE, sweepImports } from '../leftovers/sweep.js';
import type { ModelManifest } from '../manifest.js';
import { syncDirectory } from './directory.js';
import { HashedFile } from './hashed-file.js';
import { MANIFEST_FILE } from './package-files.js';

/**
 * Writes a model package so that it is there as a whole or not at all: everything goes to a directory beside `out`,
 * the manifest last, and a rename puts it in place.
 */
export class PackageWriter {
  readonly files: Record<string, { bytes: number; sha256: string }> = {};
  readonly #out: string;
  readonly #dir: string;

  private constructor(out: string, dir: string) {
    this.#out = out;
    this.#dir = dir;
  }

  /** @throws AppError `PACKAGE_EXISTS` when something is at `out`. */
  static async create(out: string): Promise<PackageWriter> {
    const target = resolve(out);
    await refuseExisting(target);
    const parent = dirname(target);
    const partial = join(parent, `.${basename(target)}.partial-${randomBytes(6).toString('hex')}`);
    await makeDirectory(parent);
    await sweepImports(parent);
    await mkdir(partial);
    const writer = new PackageWriter(target, partial);
    await writeFile(join(partial, OWNER_FILE), ownerText()).catch(async (error: unknown) => {
      await writer.discard();
      throw error;
    });
    return writer;
  }

  /** Creates a file, has `fill` write it, and records its size and digest. */
  async write(name: string, fill: (file: HashedFile) => Promise<void>): Promise<{ bytes: number; sha256: string }> {
    const file = await HashedFile.create(join(this.#dir, name));
    try {
      await fill(file);
      return (this.files[name] = await file.finish());
    } catch (error) {
      await file.abandon();
      throw error;
    }
  }

  /** Writes the manifest and moves the package into place. */
  async commit(manifest: ModelManifest): Promise<void> {
    const file = await HashedFile.create(join(this.#dir, MANIFEST_FILE));
    await file.append(Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
    await file.finish();
    await rm(join(this.#dir, OWNER_FILE));
    await syncDirectory(this.#dir);
    await refuseExisting(this.#out);
    await rename(this.#dir, this.#out).catch(async (error: unknown) => {
      // Somebody else's may have come in between: a directory with files is never replaced.
      await refuseExisting(this.#out);
      throw error;
    });
    await syncDirectory(dirname(this.#out));
  }

  /** Removes what has been written; nothing appears at `out`. What cannot be removed is left for a later sweep. */
  async discard(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function refuseExisting(path: string): Promise<void> {
  const existing = await lstat(path).catch(() => null);
  if (existing === null) return;
  throw new AppError({
    code: 'ALREADY_EXISTS',
    reason: 'PACKAGE_EXISTS',
    message: `${path} exists already; remove it or choose another place.`,
    field: 'out',
  });
}
