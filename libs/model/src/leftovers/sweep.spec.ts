import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ownerPid, ownerState, ownerText } from './process-owner.js';
import { lockState, OWNER_FILE, sweepImports, sweepPulls } from './sweep.js';

const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;
const UNFINISHED = '.m-int8.partial-0123456789ab';

let work: string;
let children: ChildProcess[] = [];
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'sweep-'));
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
  await rm(work, { recursive: true, force: true });
});

/** A process that runs, and one that is gone. */
async function childProcess(alive: boolean): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  children.push(child);
  await once(child, 'spawn');
  if (!alive) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  return child.pid as number;
}

const ownerOf = (change: object): string => JSON.stringify({ ...(JSON.parse(ownerText()) as object), ...change });

async function age(path: string, seconds: number): Promise<void> {
  const names = await readdir(path, { recursive: true }).catch(() => []);
  const at = Date.now() / 1000 - seconds;
  for (const name of [...names.map((name) => join(path, name)), path]) await utimes(name, at, at);
}

async function unfinished(owner: string | null, ageSeconds = 0, extra?: string): Promise<string> {
  const path = join(work, UNFINISHED);
  await mkdir(path);
  await writeFile(join(path, 'weights.bin'), 'x');
  if (owner !== null) await writeFile(join(path, OWNER_FILE), owner);
  if (extra !== undefined) await writeFile(join(path, extra), 'x');
  await age(path, ageSeconds);
  return path;
}

describe('what an import left', () => {
  const isLeft = async (): Promise<boolean> => {
    await sweepImports(work);
    return (await readdir(work)).includes(UNFINISHED);
  };

  it('goes at once when its process is gone', async () => {
    await unfinished(ownerOf({ pid: await childProcess(false), started: null }));
    expect(await isLeft()).toBe(false);
  });

  it('stays while its process runs, however old it is', async () => {
    await unfinished(ownerOf({ pid: await childProcess(true), started: null }), 30 * DAY_S);
    expect(await isLeft()).toBe(true);
  });

  it('goes when another process has the number of its own', async () => {
    await unfinished(ownerOf({ pid: await childProcess(true), started: '1' }));
    expect(await isLeft()).toBe(process.platform !== 'linux');
  });

  it.each([
    ['of another machine', ownerOf({ host: 'elsewhere' })],
    ['of nobody known', null],
  ])('goes after a day without a change, not before (%s)', async (_whose, owner) => {
    const path = await unfinished(owner, DAY_S - HOUR_S);
    expect(await isLeft()).toBe(true);
    await age(path, DAY_S + HOUR_S);
    expect(await isLeft()).toBe(false);
  });

  it('stays when something in it is not of an import, and so does what is only called alike', async () => {
    await unfinished(ownerOf({ pid: 999_999_999 }), 30 * DAY_S, 'my-thesis.txt');
    for (const name of ['.m.partial-xyz', 'm.partial-0123456789ab', '.partial']) await mkdir(join(work, name));
    await sweepImports(work);
    expect(await readdir(work)).toHaveLength(4);
  });

  it('is not looked for where there is no directory', async () => {
    await expect(sweepImports(join(work, 'none'))).resolves.toBeUndefined();
  });
});

describe('what a pull left', () => {
  async function partial(name: string, ageSeconds: number): Promise<void> {
    const path = join(work, `${name}.partial`);
    await mkdir(path);
    await writeFile(join(path, 'model.safetensors.part'), 'x');
    await age(path, ageSeconds);
  }

  it('stays a week, so that it can go on, and not longer', async () => {
    await partial('young', 6 * DAY_S);
    await partial('old', 8 * DAY_S);
    await sweepPulls(work);
    expect(await readdir(work)).toEqual(['young.partial']);
  });

  it('stays while a process holds its lock', async () => {
    await partial('a', 8 * DAY_S);
    await writeFile(join(work, 'a.lock'), ownerText());
    await sweepPulls(work);
    expect((await readdir(work)).sort()).toEqual(['a.lock', 'a.partial']);
  });

  it('locks of processes that are gone go', async () => {
    await writeFile(join(work, 'a.lock'), ownerOf({ pid: await childProcess(false), started: null }));
    await writeFile(join(work, 'b.lock'), '999999999');
    await writeFile(join(work, 'c.lock'), String(process.pid));
    await sweepPulls(work);
    expect(await readdir(work)).toEqual(['c.lock']);
  });
});

describe('a lock', () => {
  it.each([
    ['of this process', ownerText(), 0, 'held'],
    ['of this process, old', ownerText(), 30 * DAY_S, 'held'],
    ['of an earlier version', String(process.pid), 0, 'held'],
    ['of another machine that touches it', ownerOf({ host: 'elsewhere' }), 60, 'held'],
    ['of another machine that is gone', ownerOf({ host: 'elsewhere' }), HOUR_S, 'free'],
    ['that is being written', '', 0, 'held'],
    ['that was never written', '', 60, 'free'],
    ['of nonsense', 'nonsense', 0, 'free'],
    // A container that starts again has the numbers of the one before.
    ['of this number in an earlier life', ownerOf({ started: '1' }), 0, process.platform === 'linux' ? 'free' : 'held'],
  ])('%s', async (_whose, text, ageSeconds, expected) => {
    const path = join(work, 'a.lock');
    await writeFile(path, text);
    await age(path, ageSeconds);
    expect(await lockState(path)).toBe(expected);
  });

  it('that is missing is free, and one that is a directory is not looked into', async () => {
    expect(await lockState(join(work, 'none'))).toBe('free');
    await mkdir(join(work, 'dir.lock'));
    expect(await lockState(join(work, 'dir.lock'))).toBe('held');
  });

  it('names its process', () => {
    expect(ownerState(ownerText())).toBe('alive');
    expect(ownerPid(ownerText())).toBe(String(process.pid));
    expect(ownerPid('[')).toBe('of an unknown number');
  });
});
