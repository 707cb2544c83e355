export { nativeFiles } from './disk-files.js';
export type { DiskFiles } from './disk-files.js';
export type { FolderRights } from './folder-rights.js';
export { openDiskTier } from './disk-tier.js';
export type { DiskTier } from './disk-tier.js';
export { inspectLog, verifyLog } from './inspect.js';
export type { InspectOptions, LogItem, LogListing, LostObject, SegmentListing, VerifyReport } from './inspect.js';
export type { DiskClock, DiskEvent, DiskStats, DiskTierOptions, RecoveryReport } from './options.js';
