import { values, type ConfigOf, type Settings } from '@longhaul/platform-config';
import { eventSettings } from './adapters/events/index.js';
import { objectTierSettings } from './adapters/object/index.js';

const GIB = 2 ** 30;
const MIB = 2 ** 20;

const quota = (tier: string) => ({
  schema: values.bytes().optional(),
  description: `Most bytes of one tenant in ${tier}.`,
  unit: 'bytes',
  defaultText: 'the whole tier',
});

/** Keys of the store itself, in every shape in which it runs. */
export const storeSettings = {
  kvRamBytes: {
    schema: values.bytes(MIB).default(GIB),
    description: 'Bytes of blocks kept in memory.',
    unit: 'bytes',
    defaultText: '1GiB',
  },
  kvDir: {
    schema: values.text().optional(),
    description: 'Directory of the disk tier.',
    defaultText: 'no disk tier',
  },
  kvMaxBytes: {
    schema: values.bytes(MIB).default(16 * GIB),
    description: 'Bytes of the disk tier.',
    unit: 'bytes',
    defaultText: '16GiB',
  },
  kvSync: {
    schema: values.oneOf('commit', 'background').default('commit'),
    description: 'When a put is acknowledged: commit - once the disk tier has it, background - once memory has it.',
  },
  kvSyncIntervalMs: {
    schema: values.integer(0, 10_000).default(5),
    description: 'How long a write to disk waits for others to be synced together.',
    unit: 'ms',
  },
  kvScrubPerHour: {
    schema: values.integer(0, 100).default(1),
    description: 'Share of the disk tier that is read and verified per hour; 0 turns it off.',
    unit: 'percent',
  },
  kvDiskAfterHits: {
    schema: values.integer(0, 1000).default(0),
    description: 'Hits after which a block goes to disk; 0 writes every block.',
  },
  kvObjectAfterHits: {
    schema: values.integer(0, 1000).default(2),
    description: 'Hits after which a block goes to the object tier; 0 writes every block.',
  },
  kvMaxBlocks: {
    schema: values.integer(1, 2 ** 26).default(2 ** 20),
    description: 'Most blocks that the index may know.',
    unit: 'blocks',
  },
  tenantRamBytes: quota('memory'),
  tenantDiskBytes: quota('the disk tier'),
  tenantObjectBytes: quota('the object tier'),
  tenantPinnedBytes: quota('hard pins'),
  tenantQuotas: {
    schema: values.text().optional(),
    description:
      'JSON file with quotas by tenant: {"name": {"ramBytes", "diskBytes", "objectBytes", "hardPinnedBytes"}}.',
  },
  ...objectTierSettings,
} satisfies Settings;

/** All keys of the store as its own process. */
export const kvStoreSettings = {
  ...storeSettings,
  host: { schema: values.text().default('127.0.0.1'), description: 'Address that all ports listen on.' },
  grpcPort: { schema: values.port().default(50061), description: 'Port of the gRPC API; 0 takes a free one.' },
  dataPort: { schema: values.port().default(50062), description: 'Port of data channels; 0 takes a free one.' },
  dataChannels: {
    schema: values.integer(0, 65_535).default(256),
    description: 'Most data channels at once; 0 leaves all bytes to gRPC.',
  },
  port: {
    schema: values.port().default(8003),
    description: 'Port of /health, /ready and /metrics; 0 takes a free one.',
  },
  instance: {
    schema: values.text().optional(),
    description: 'Name of this store in block events.',
    defaultText: 'host name and gRPC port',
  },
  frameBytes: {
    schema: values.bytes(64 * 1024).default(MIB),
    description: 'Largest payload of a frame of a put or get.',
    unit: 'bytes',
    defaultText: '1MiB',
  },
  frameCredit: {
    schema: values.integer(1, 1024).default(16),
    description: 'Frames of one put or get that may be under way.',
    unit: 'frames',
  },
  tlsCa: { schema: values.text().optional(), description: 'PEM of the authority that signs clients and servers.' },
  tlsCert: { schema: values.text().optional(), description: 'PEM of the certificate of this store.' },
  tlsKey: { schema: values.text().optional(), description: 'PEM of its private key.' },
  capabilityKeys: {
    schema: values.text().optional(),
    description: 'PEM files of Ed25519 public keys whose capabilities are accepted, separated by commas.',
    defaultText: 'no capabilities, loopback only',
  },
  allowInsecure: {
    schema: values.flag().default(false),
    description: 'Serve other machines without TLS or capabilities. For closed test networks only.',
    isSwitch: true,
  },
  ...eventSettings,
  stallTimeoutMs: {
    schema: values.integer(10).default(60_000),
    description: 'A peer that takes nothing for this long loses its stream.',
    unit: 'ms',
  },
  drainTimeoutMs: {
    schema: values.integer(0).default(10_000),
    description: 'How long running calls may go on after a stop signal.',
    unit: 'ms',
  },
  logLevel: {
    schema: values.oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent').default('info'),
    description: 'Least severe log line that is written.',
    env: 'LOG_LEVEL',
  },
} satisfies Settings;

export type StoreConfig = ConfigOf<typeof storeSettings>;
export type KvStoreConfig = ConfigOf<typeof kvStoreSettings>;
