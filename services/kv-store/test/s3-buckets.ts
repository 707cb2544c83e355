import type { S3Server } from '@longhaul/testing';
import { S3Bucket, type S3BucketOptions } from '../src/adapters/object/s3-bucket.js';

/** The bucket of a test server, with patience that suits tests. */
export function bucketOf(server: S3Server, options: Partial<S3BucketOptions> = {}): S3Bucket {
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = server;
  return new S3Bucket({
    endpoint,
    region,
    bucket,
    credentials: { accessKeyId, secretAccessKey },
    prefix: 'kv/v1',
    forcePathStyle: true,
    readMs: 4_000,
    uploadMs: 8_000,
    attempts: 3,
    connections: 16,
    ...options,
  });
}
