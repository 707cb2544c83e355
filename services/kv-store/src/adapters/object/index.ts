export { DEFAULT_OBJECT_TIER } from './object-tier-options.js';
export type { ObjectTierOptions, ObjectTierStats } from './object-tier-options.js';
export { ObjectTier } from './object-tier.js';
export { S3Bucket } from './s3-bucket.js';
export type { S3BucketOptions } from './s3-bucket.js';
export { objectTierSettings, openObjectTier } from './settings.js';
export type { ObjectTierConfig } from './settings.js';
