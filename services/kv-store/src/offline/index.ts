export { openDiskTier, verifyLog } from '../adapters/disk/index.js';
export type { DiskTier, LogItem, LogListing, VerifyReport } from '../adapters/disk/index.js';
export { openLogFolder, readLoggedBlock, requireLogFolder } from './open-log-folder.js';
export type { LoggedBlock } from './open-log-folder.js';
