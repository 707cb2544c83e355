import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '@longhaul/platform-config';
import { readTlsIdentity } from '@longhaul/platform-grpc';
import { eventSettings, kafkaSettings } from '../src/adapters/events/settings.js';
import { readCapabilityKeys } from '../src/adapters/security/capability-keys.js';
import { storeSettings } from '../src/config.js';
import { readTenantQuotas } from '../src/tenant-quotas.js';

const folder = mkdtempSync(join(tmpdir(), 'longhaul-named-'));
afterAll(() => rmSync(folder, { recursive: true }));

const pipe = join(folder, 'pipe');
execFileSync('mkfifo', [pipe]);
const large = join(folder, 'large');
writeFileSync(large, '');
truncateSync(large, 2 ** 40);

const kafka = (flag: string, path: string) =>
  kafkaSettings(loadConfig(eventSettings, { argv: ['--kafka-brokers', 'k:1', flag, path], env: {} }), false);

/** Everything that takes the name of a file, with the option and the reason of its error. */
const READERS: [string, string, (path: string) => unknown][] = [
  [
    '--tenant-quotas',
    'CONFIG_INVALID',
    (path) =>
      readTenantQuotas(loadConfig(storeSettings, { argv: ['--kv-dir', folder, '--tenant-quotas', path], env: {} })),
  ],
  ['--capability-keys', 'CONFIG_INVALID', (path) => readCapabilityKeys([path])],
  ['--kafka-tls-ca', 'TLS_FILE_UNREADABLE', (path) => kafka('--kafka-tls-ca', path)],
  ['--tls-ca', 'TLS_FILE_UNREADABLE', (path) => readTlsIdentity({ ca: path, cert: path, key: path }, '--tls')],
];

describe.each(READERS)('the file of %s', (option, reason, read) => {
  it.each([
    ['a named pipe', pipe, 'is a named pipe'],
    ['a device', '/dev/zero', 'is a device'],
    ['a directory', folder, 'is a directory'],
    ['missing', join(folder, 'none'), 'is not there'],
    ['too large', large, 'at most'],
  ])('is refused at once when it is %s', (_, path, problem) => {
    const message = expect.stringContaining(`${option}: ${path} ${problem === 'at most' ? 'has' : problem}`);
    expect(() => read(path)).toThrow(expect.objectContaining({ reason, message }));
  });
});
