import { values, type ConfigOf, type Settings } from '@longhaul/platform-config';
import type { Checksum } from '@longhaul/kv-core';
import { DEFAULT_OBJECT_TIER, type ObjectTierOptions } from './object-tier-options.js';
import { ObjectTier } from './object-tier.js';

/** Keys of the object tier. Without `objectBucket` there is none. */
export const objectTierSettings = {
  objectBucket: {
    schema: values.text().optional(),
    description: 'Bucket of the cold tier.',
    defaultText: 'no cold tier',
  },
  objectEndpoint: {
    schema: values.text().optional(),
    description: 'URL of the S3 API, for instance http://127.0.0.1:9000.',
    defaultText: 'of AWS',
  },
  objectRegion: { schema: values.text().default('us-east-1'), description: 'Region of the bucket.' },
  objectPrefix: {
    schema: values.text().default('kv/v1'),
    description: 'Where in the bucket the tier keeps its extents; nothing else may be there.',
  },
  objectPathStyle: {
    schema: values.flag().default(true),
    description: 'Name the bucket in the path instead of the host name.',
    isSwitch: true,
  },
  objectAccessKeyId: {
    schema: values.text().optional(),
    description: 'Access key.',
    secret: true,
    defaultText: 'as usual with AWS: environment, files, instance role',
  },
  objectSecretAccessKey: {
    schema: values.text().optional(),
    description: 'Secret of the access key.',
    secret: true,
    defaultText: 'as usual with AWS',
  },
  objectMaxBytes: {
    schema: values.bytes().default(1024 * 2 ** 30),
    description: 'Most bytes in the bucket.',
    unit: 'bytes',
    defaultText: '1024GiB',
  },
  objectExtentBytes: {
    schema: values.bytes(2 ** 16).default(DEFAULT_OBJECT_TIER.extentBytes),
    description: 'An extent is uploaded when it has this many bytes.',
    unit: 'bytes',
    defaultText: '32MiB',
  },
  objectExtentAgeMs: {
    schema: values.integer(1, 600_000).default(DEFAULT_OBJECT_TIER.extentAgeMs),
    description: 'An extent is uploaded when its first block has waited this long.',
    unit: 'ms',
  },
  objectMaxPendingBytes: {
    schema: values.bytes(2 ** 16).default(DEFAULT_OBJECT_TIER.maxPendingBytes),
    description: 'Most bytes that wait for upload; further blocks are not taken (KV_BUSY).',
    unit: 'bytes',
    defaultText: '256MiB',
  },
  objectUploads: {
    schema: values.integer(1, 64).default(DEFAULT_OBJECT_TIER.uploads),
    description: 'Extents being uploaded at once.',
  },
  objectReads: {
    schema: values.integer(1, 256).default(DEFAULT_OBJECT_TIER.reads),
    description: 'Range requests at once.',
  },
  objectReadTimeoutMs: {
    schema: values.integer(100, 600_000).default(15_000),
    description: 'Limit of one read, repetitions included.',
    unit: 'ms',
  },
  objectUploadTimeoutMs: {
    schema: values.integer(100, 3_600_000).default(60_000),
    description: 'Limit of one upload, repetitions included.',
    unit: 'ms',
  },
  objectAttempts: {
    schema: values.integer(1, 20).default(4),
    description: 'Tries of one call.',
  },
} satisfies Settings;

export type ObjectTierConfig = ConfigOf<typeof objectTierSettings>;

/**
 * Opens the configured tier; null without a bucket.
 *
 * @param extra what configuration cannot say.
 */
export async function openObjectTier(
  config: ObjectTierConfig,
  extra: { readonly checksum: Checksum } & Pick<ObjectTierOptions, 'onFound'>,
): Promise<ObjectTier | null> {
  if (config.objectBucket === undefined) return null;
  const { objectEndpoint: endpoint, objectAccessKeyId, objectSecretAccessKey } = config;
  const hasKey = objectAccessKeyId !== undefined && objectSecretAccessKey !== undefined;
  // The S3 client costs every process that loads it time and memory; few have a bucket.
  const { S3Bucket } = await import('./s3-bucket.js');
  const bucket = new S3Bucket({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(hasKey ? { credentials: { accessKeyId: objectAccessKeyId, secretAccessKey: objectSecretAccessKey } } : {}),
    region: config.objectRegion,
    bucket: config.objectBucket,
    prefix: config.objectPrefix,
    forcePathStyle: config.objectPathStyle,
    readMs: config.objectReadTimeoutMs,
    uploadMs: config.objectUploadTimeoutMs,
    attempts: config.objectAttempts,
    connections: config.objectReads + 2 * config.objectUploads,
  });
  return ObjectTier.open({
    bucket,
    ...extra,
    limitBytes: config.objectMaxBytes,
    extentBytes: config.objectExtentBytes,
    extentAgeMs: config.objectExtentAgeMs,
    maxPendingBytes: config.objectMaxPendingBytes,
    uploads: config.objectUploads,
    reads: config.objectReads,
  });
}
