import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { importModel, type WeightScheme } from '@longhaul/model';

/** A temporary directory for the packages of one spec; specs run side by side and never share one. */
export class PackageFolder {
  private constructor(readonly dir: string) {}

  static async create(): Promise<PackageFolder> {
    return new PackageFolder(await mkdtemp(join(tmpdir(), 'longhaul-e2e-')));
  }

  /** Imports a small checkpoint. @returns the directory of the package. */
  async import(source: string, name: string, weights: WeightScheme): Promise<string> {
    const out = join(this.dir, `${name}-${weights}`);
    await importModel({ source, out, weights, name });
    return out;
  }

  remove(): Promise<void> {
    return rm(this.dir, { recursive: true, force: true });
  }
}

/** Where `npm start` keeps what it fetched and imported, so that the default model is fetched once on a machine. */
export function longhaulHome(): string {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return process.env['LONGHAUL_HOME'] || join(cache, 'longhaul');
}
