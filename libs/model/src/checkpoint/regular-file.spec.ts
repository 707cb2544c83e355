import { appendFile, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openFileSource } from './byte-source.js';
import { FILE_LIMITS } from './file-limits.js';
import { hasRegularFile, openRegularFile, readWholeFile } from './regular-file.js';

let work: string;
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'regular-'));
});
afterEach(() => rm(work, { recursive: true, force: true }));

describe('a file that is read whole', () => {
  it('may be as large as its kind allows and not a byte larger', async () => {
    const path = join(work, 'x.lock');
    await writeFile(path, Buffer.alloc(FILE_LIMITS.lock, 'a'));
    expect(await readWholeFile(path, 'lock')).toHaveLength(FILE_LIMITS.lock);
    await appendFile(path, 'a');
    await expect(readWholeFile(path, 'lock')).rejects.toMatchObject({
      reason: 'CHECKPOINT_LIMIT',
      message: expect.stringContaining(String(FILE_LIMITS.lock)),
    });
  });

  it('that grows all the time is refused', async () => {
    const path = join(work, 'config.json');
    await writeFile(path, Buffer.alloc(3 * 1024 * 1024, ' '));
    let isGrowing = true;
    const growing = (async () => {
      while (isGrowing) await appendFile(path, ' ');
    })();
    const reads = Array.from({ length: 5 }, () =>
      readWholeFile(path, 'config').then(
        () => 'read',
        (error: unknown) => (error as { reason?: string }).reason,
      ),
    );
    const outcomes = await Promise.all(reads);
    isGrowing = false;
    await growing;
    expect(outcomes).toContain('CHECKPOINT_CORRUPT');
  });

  it.each(['/proc/self/status', '/proc/kmsg'])('that tells no size is refused unread (%s)', async (path) => {
    await symlink(path, join(work, 'config.json'));
    if (!(await openRegularFile(path).then(closed, () => false))) return;
    await expect(readWholeFile(join(work, 'config.json'), 'config')).rejects.toMatchObject({
      reason: 'CHECKPOINT_CORRUPT',
    });
  });

  it('is null where there is none, also below a file', async () => {
    await writeFile(join(work, 'f'), 'x');
    for (const path of [join(work, 'none'), join(work, 'none', 'x'), join(work, 'f', 'x')]) {
      expect(await readWholeFile(path, 'config')).toBeNull();
      expect(await hasRegularFile(path)).toBe(false);
    }
  });
});

describe('a file that is read by range', () => {
  it('that shrinks meanwhile is refused', async () => {
    const path = join(work, 'w');
    await writeFile(path, 'abcdef');
    const source = await openFileSource(path);
    await truncate(path, 2);
    await expect(source.read(0, 6)).rejects.toMatchObject({ reason: 'CHECKPOINT_CORRUPT' });
    await source.close();
  });
});

async function closed(file: Awaited<ReturnType<typeof openRegularFile>>): Promise<boolean> {
  await file?.handle.close();
  return file !== null;
}
