import { crc32cTable } from '@longhaul/kv-core';
import { afterAll, beforeAll, describe } from '@jest/globals';
import { s3Available, startS3, type S3Server } from '@longhaul/testing';
import { ObjectTier } from '../src/adapters/object/object-tier.js';
import { blockTierContract } from './block-tier-contract.js';
import { MemoryBucket } from './memory-bucket.js';
import { bucketOf } from './s3-buckets.js';

const small = { checksum: crc32cTable, extentBytes: 100_000, extentAgeMs: 5, partBytes: 16_384, probeMs: 50 };

blockTierContract('extents in a bucket in memory', {
  durable: true,
  reclaimsLater: true,
  createMedium: () => {
    const bucket = new MemoryBucket();
    return Promise.resolve({
      open: (limitBytes: number) => ObjectTier.open({ ...small, bucket, limitBytes }),
      dispose: () => Promise.resolve(),
    });
  },
});

const s3 = await s3Available();

(s3.available ? describe : describe.skip)('with a real S3 server', () => {
  let server: S3Server;
  let mediums = 0;
  beforeAll(async () => {
    server = await startS3();
  });
  afterAll(() => server.close());

  blockTierContract('extents in an S3 bucket', {
    durable: true,
    reclaimsLater: true,
    createMedium: () => {
      const prefix = `medium-${mediums++}/kv/v1`;
      return Promise.resolve({
        open: (limitBytes: number) => ObjectTier.open({ ...small, bucket: bucketOf(server, { prefix }), limitBytes }),
        dispose: () => Promise.resolve(),
      });
    },
  });
});
