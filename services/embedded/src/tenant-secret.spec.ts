import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { tenantSecretOf } from './tenant-secret.js';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-secret-'));
  path = join(folder, 'tenant-secret');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the secret of a KV directory', () => {
  it("is made once, in a directory that is its owner's alone", async () => {
    const fresh = join(folder, 'a', 'kv');
    const secrets = await Promise.all([0, 1, 2].map(() => tenantSecretOf(fresh).catch(() => null)));
    const made = await tenantSecretOf(fresh);
    expect(made).toHaveLength(32);
    expect(secrets.filter((secret) => secret !== null).every((secret) => made.every((b, i) => secret[i] === b))).toBe(
      true,
    );
    expect(statSync(fresh).mode & 0o777).toBe(0o700);
    expect(statSync(join(fresh, 'tenant-secret')).mode & 0o777).toBe(0o600);
  });

  it.each<[string, () => void]>([
    ['a named pipe', () => void execFileSync('mkfifo', [path])],
    ['a device', () => symlinkSync('/dev/zero', path)],
    ['a directory', () => mkdirSync(path)],
    ['too short', () => writeFileSync(path, 'x')],
    ['too long', () => writeFileSync(path, 'x'.repeat(33))],
  ])('is refused at once when it is %s', async (_, make) => {
    make();
    await expect(tenantSecretOf(folder)).rejects.toMatchObject({
      reason: 'KV_SECRET_UNREADABLE',
      message: expect.stringContaining(path),
    });
  });
});
