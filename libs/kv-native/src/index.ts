export { alignedBuffer, BLOCK_BYTES, fileJobs, lockDirectory, openBlockFile, syncDirectory } from './block-file.js';
export type { BlockFile, FileStatus, OpenMode } from './block-file.js';
export { crc32c, crc32cAsync, crc32cCombine, crc32cKernel, crc32cReference } from './checksum.js';
export { diskError } from './io-error.js';
export { JobGate, MAX_WAITING_JOBS } from './job-gate.js';
