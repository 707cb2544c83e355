import { remoteStoreSettings, storeAddress } from '@longhaul/decode-worker';
import { values, type Settings } from '@longhaul/platform-config';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** Where an embedded server keeps KV beyond its life. */
export const kvSettings = {
  ...remoteStoreSettings,
  kvStore: {
    schema: storeAddress('local', 'off').default('local'),
    allowed: 'local, off, host:port',
    description: 'Where KV is kept: local (in --kv-dir), off, or the address of a kv-store service.',
  },
  kvDir: {
    schema: values.text().optional(),
    description: 'Directory that keeps KV over restarts; one process at a time.',
    defaultText: 'kv in LONGHAUL_HOME or the cache directory',
  },
  kvMaxBytes: {
    schema: values.bytes(MIB).default(4 * GIB),
    description: 'Most bytes of --kv-dir.',
    unit: 'bytes',
    defaultText: '4GiB',
  },
  kvRamBytes: {
    schema: values.bytes(MIB).default(256 * MIB),
    description: 'Most bytes of stored blocks that are in memory as well, beside the KV pool.',
    unit: 'bytes',
    defaultText: '256MiB',
  },
} satisfies Settings;
