import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '@longhaul/platform-config';
import { readProfile } from '../src/adapters/kernels/profile-folder.js';
import { connectStore } from '../src/adapters/store/remote-store.js';
import { workerSettings } from '../src/config.js';

const folder = mkdtempSync(join(tmpdir(), 'longhaul-named-'));
afterAll(() => rmSync(folder, { recursive: true }));

const pipe = join(folder, 'pipe');
execFileSync('mkfifo', [pipe]);
const large = join(folder, 'large');
writeFileSync(large, '');
truncateSync(large, 2 ** 40);

const BAD: [string, string, string][] = [
  ['a named pipe', pipe, 'is a named pipe'],
  ['a device', '/dev/zero', 'is a device'],
  ['a directory', folder, 'is a directory'],
  ['too large', large, 'has 1099511627776 bytes'],
];

describe('a kernel profile', () => {
  it.each(BAD)('is damaged, and waited for by nobody, when it is %s', (_, path, problem) => {
    expect(readProfile(path)).toEqual({ kind: 'damaged', message: expect.stringContaining(`${path} ${problem}`) });
  });

  it('is missing where there is none, and damaged where it is no JSON', () => {
    expect(readProfile(join(folder, 'none'))).toEqual({ kind: 'missing' });
    writeFileSync(join(folder, 'text'), 'text');
    expect(readProfile(join(folder, 'text'))).toEqual({ kind: 'damaged', message: 'it is no JSON' });
  });
});

describe('the capability of --kv-capability-file', () => {
  const connect = (path: string) => {
    const secret = 'ab'.repeat(32);
    const argv = [
      '--model',
      'm',
      '--kv-store',
      '127.0.0.1:1',
      '--kv-tenant-secret',
      secret,
      '--kv-capability-file',
      path,
    ];
    return connectStore(loadConfig(workerSettings, { argv, env: {} }));
  };

  it.each([...BAD, ['missing', join(folder, 'none'), 'is not there']])(
    'is refused at the start when it is %s',
    (_, path, problem) => {
      const message = expect.stringContaining(`--kv-capability-file: ${path} ${problem}`);
      expect(() => connect(path)).toThrow(expect.objectContaining({ reason: 'CONFIG_INVALID', message }));
    },
  );
});
