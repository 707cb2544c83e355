import { randomBytes } from 'node:crypto';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeDirectory, readText } from '@longhaul/files';
import { AppError, monotonicMs } from '@longhaul/kernel';
import { lockDirectory } from '@longhaul/kv-native';
import { kernelProfileSchema, type KernelProfile } from '../../core/kernels/kernel-profile.js';

/** Records that are kept; the oldest go first. */
export const MAX_PROFILES = 256;
/** A measurement takes a third of a second. Who holds the lock longer has stopped. */
const LOCK_PATIENCE_MS = 10_000;
const LOCK_RETRY_MS = 20;
/** A profile is some 2 KB; what is much larger is none. */
const MAX_BYTES = 2 ** 20;

export type StoredProfile =
  { kind: 'found'; profile: KernelProfile } | { kind: 'missing' } | { kind: 'damaged'; message: string };

/** Reads a profile's file. Never throws: what cannot be read is damaged. */
export function readProfile(path: string): StoredProfile {
  const read = readText(path, MAX_BYTES);
  if (read.kind === 'missing') return { kind: 'missing' };
  if (read.kind === 'refused') return { kind: 'damaged', message: read.problem };
  try {
    const parsed = kernelProfileSchema.safeParse(JSON.parse(read.text));
    if (parsed.success) return { kind: 'found', profile: parsed.data };
    const [issue] = parsed.error.issues;
    return { kind: 'damaged', message: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'no profile'}` };
  } catch {
    return { kind: 'damaged', message: 'it is no JSON' };
  }
}

/**
 * The folder of a machine's kernel profiles. One process at a time measures and writes, so that the first two starts of
 * a model end with one record.
 */
export class ProfileFolder {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  path(file: string): string {
    return join(this.#directory, file);
  }

  /** Makes the folder if need be, and takes it from other processes. Rejects where it cannot be written or stays taken. */
  async lock(): Promise<() => Promise<void>> {
    await makeDirectory(this.#directory);
    const end = monotonicMs() + LOCK_PATIENCE_MS;
    for (;;) {
      try {
        return await lockDirectory(this.#directory);
      } catch (error) {
        if (AppError.from(error).reason !== 'KV_DISK_LOCKED' || monotonicMs() > end) throw error;
      }
      await sleep(LOCK_RETRY_MS);
    }
  }

  /** Puts a profile in its place as a whole, for whoever holds the lock. */
  async write(file: string, profile: KernelProfile): Promise<void> {
    const temporary = this.path(`.${file}.${randomBytes(6).toString('hex')}`);
    try {
      const handle = await open(temporary, 'wx');
      try {
        await handle.writeFile(`${JSON.stringify(profile, null, 2)}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, this.path(file));
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    await this.#prune(file);
  }

  /** Beyond the bound the oldest go, and with them what ended writers left. Only the lock's holder writes. */
  async #prune(written: string): Promise<void> {
    const names = (await readdir(this.#directory)).filter((name) => name !== written);
    for (const name of names.filter((one) => one.startsWith('.'))) await rm(this.path(name), { force: true });
    const profiles = names.filter((name) => /^[0-9a-f]+\.json$/.test(name));
    if (profiles.length < MAX_PROFILES) return;
    const aged = await Promise.all(
      profiles.map(async (name) => ({ name, age: (await stat(this.path(name)).catch(() => null))?.mtimeMs ?? 0 })),
    );
    aged.sort((a, b) => a.age - b.age);
    for (const { name } of aged.slice(0, aged.length - MAX_PROFILES + 1)) await rm(this.path(name), { force: true });
  }
}
