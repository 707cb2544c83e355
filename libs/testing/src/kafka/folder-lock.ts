import { mkdir, rm, stat, utimes } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const BEAT_MS = 2_000;
/** A holder that has not touched its lock for this long is gone. */
const STALE_MS = 15_000;
const POLL_MS = 200;

/**
 * Runs `work` while no other process of this machine does so under the same path. Making a folder is atomic
 * everywhere; its modification time tells whether the holder still lives.
 */
export async function withFolderLock(path: string, timeoutMs: number, work: () => Promise<void>): Promise<void> {
  await take(path, Date.now() + timeoutMs);
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, BEAT_MS);
  try {
    await work();
  } finally {
    clearInterval(beat);
    await rm(path, { recursive: true, force: true });
  }
}

async function take(path: string, deadline: number): Promise<void> {
  while (!(await tryTake(path))) {
    if (Date.now() > deadline) throw new Error(`another process holds ${path} for too long`);
    await delay(POLL_MS);
  }
}

async function tryTake(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const held = await stat(path).catch(() => undefined);
  if (held && Date.now() - held.mtimeMs > STALE_MS) await rm(path, { recursive: true, force: true });
  return false;
}
