import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DiskEvent, openDiskTier } from '../src/adapters/disk/index.js';
import { keyOf, objectOf } from './support/objects.js';

const bits = (path: string) => statSync(path).mode & 0o777;

describe('the folder of the disk tier', () => {
  let root: string;
  let directory: string;
  let umask: number;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'longhaul-rights-'));
    directory = join(root, 'kv');
    umask = process.umask();
  });
  afterEach(() => {
    process.umask(umask);
    rmSync(root, { recursive: true, force: true });
  });

  async function use(): Promise<Extract<DiskEvent, { kind: 'rights' }> | undefined> {
    const events: DiskEvent[] = [];
    const onEvent = (event: DiskEvent): void => void events.push(event);
    const tier = await openDiskTier({
      directory,
      limitBytes: 1 << 30,
      segmentBytes: 1 << 20,
      scrubPerHour: 0,
      onEvent,
    });
    for (let n = 0; n < 5; n++) await tier.put(keyOf(n), objectOf(n));
    await tier.checkpoint();
    await tier.close();
    return events.find((event) => event.kind === 'rights');
  }

  const modes = () => new Set(readdirSync(directory).map((name) => bits(join(directory, name))));

  it.each([[0o000], [0o022], [0o277], [0o777]])("is its owner's alone under the umask %i", async (mask) => {
    process.umask(mask);
    expect(await use()).toMatchObject({ state: 'private' });
    expect(bits(directory)).toBe(0o700);
    expect(modes()).toEqual(new Set([0o600]));
  });

  it('loses the rights of others where it is there already, and says so', async () => {
    await use();
    chmodSync(directory, 0o755);
    for (const name of readdirSync(directory)) chmodSync(join(directory, name), 0o644);
    expect(await use()).toEqual({
      ...{ kind: 'rights', state: 'tightened', mode: 0o755 },
      tightenedFiles: readdirSync(directory).length,
    });
    expect(bits(directory)).toBe(0o700);
    expect(modes()).toEqual(new Set([0o600]));
  });

  it('keeps its rights where other things lie in it, and says so; its files are private all the same', async () => {
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    writeFileSync(join(directory, 'somebody-elses'), 'x');
    chmodSync(join(directory, 'somebody-elses'), 0o644);
    expect(await use()).toMatchObject({ state: 'open', mode: 0o755 });
    expect(bits(directory)).toBe(0o755);
    expect(bits(join(directory, 'somebody-elses'))).toBe(0o644);
    for (const name of readdirSync(directory).filter((one) => one !== 'somebody-elses')) {
      expect([name, bits(join(directory, name))]).toEqual([name, 0o600]);
    }
  });
});
