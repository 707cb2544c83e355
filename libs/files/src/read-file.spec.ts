import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mustReadBytes, mustReadText, openRegularFile, readBytes, readText } from './index.js';

const LIMIT = 64;
let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-files-'));
  path = join(folder, 'named');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('what is no file to be read', () => {
  it.each<[string, () => void, string]>([
    ['a named pipe', () => void execFileSync('mkfifo', [path]), 'is a named pipe; a regular file is needed'],
    ['a device that never ends', () => symlinkSync('/dev/zero', path), 'is a device; a regular file is needed'],
    ['a directory', () => mkdirSync(path), 'is a directory; a regular file is needed'],
    ['a link to nothing', () => symlinkSync(join(folder, 'no'), path), 'which is not there'],
    ['a link to itself', () => symlinkSync(path, path), 'is a link that leads back to itself'],
  ])('is refused at once: %s', async (_, make, problem) => {
    make();
    for (const read of [readBytes(path, LIMIT), readText(path, LIMIT), await openRegularFile(path)]) {
      expect(read).toMatchObject({ kind: 'refused', problem: expect.stringContaining(problem) });
      expect(read).toMatchObject({ problem: expect.stringContaining(path) });
    }
  });

  it('is missing only where nothing has the name', async () => {
    expect(readText(path, LIMIT)).toMatchObject({ kind: 'missing', problem: `${path} is not there` });
    expect(readText(join(folder, 'no', 'way'), LIMIT)).toMatchObject({ kind: 'missing' });
    expect(await openRegularFile(path)).toMatchObject({ kind: 'missing' });
  });
});

describe('a regular file', () => {
  it('is read whole up to the limit, and not beyond it', () => {
    writeFileSync(path, 'x'.repeat(LIMIT));
    expect(readText(path, LIMIT)).toEqual({ kind: 'read', text: 'x'.repeat(LIMIT) });
    writeFileSync(path, 'x'.repeat(LIMIT + 1));
    expect(readText(path, LIMIT)).toMatchObject({ problem: `${path} has 65 bytes; at most 64 are read` });
    truncateSync(path, 2 ** 42);
    expect(readBytes(path, LIMIT)).toMatchObject({ kind: 'refused' });
  });

  it('may be empty', () => {
    writeFileSync(path, '');
    expect(readText(path, LIMIT)).toEqual({ kind: 'read', text: '' });
  });

  it('may be behind links, as mounted secrets are, and be replaced', () => {
    for (const version of ['..1', '..2']) mkdirSync(join(folder, version));
    writeFileSync(join(folder, '..1', 'key'), 'old');
    writeFileSync(join(folder, '..2', 'key'), 'new');
    symlinkSync('..1', join(folder, '..data'));
    symlinkSync(join('..data', 'key'), path);
    expect(readText(path, LIMIT)).toMatchObject({ text: 'old' });
    symlinkSync('..2', join(folder, '..next'));
    renameSync(join(folder, '..next'), join(folder, '..data'));
    expect(readText(path, LIMIT)).toMatchObject({ text: 'new' });
  });

  it('has to be UTF-8 where text is wanted', () => {
    writeFileSync(path, Buffer.from([0x61, 0xff]));
    expect(readText(path, LIMIT)).toEqual({ kind: 'refused', problem: `${path} is not UTF-8` });
    expect(readBytes(path, LIMIT)).toMatchObject({ kind: 'read' });
  });

  it('is refused when it has more bytes than it had when it was opened', () => {
    // A file of the kernel says that it has none, and grows while it is read.
    expect(readBytes('/proc/self/status', LIMIT)).toEqual({
      kind: 'refused',
      problem: '/proc/self/status changed while it was read',
    });
  });
});

describe('a file that has to be there', () => {
  it('is named in the error with its option and the limit, without its contents', () => {
    writeFileSync(path, 'secret '.repeat(20));
    const named = { path, maxBytes: LIMIT, option: '--key', reason: 'KEY_UNREADABLE' };
    const message = `--key: ${path} has 140 bytes; at most 64 are read.`;
    expect(() => mustReadBytes(named)).toThrow(expect.objectContaining({ reason: 'KEY_UNREADABLE', message }));
    expect(() => mustReadText({ path, maxBytes: LIMIT, option: '--key' })).toThrow(
      expect.objectContaining({ reason: 'CONFIG_INVALID', message }),
    );
  });
});
