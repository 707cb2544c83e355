import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDiskTier } from '../src/adapters/disk/index.js';
import { blockTierContract } from './block-tier-contract.js';

blockTierContract('the log on a disk', {
  durable: true,
  reclaimsLater: true,
  // A segment begins with a block of its own.
  overheadBytes: 4096,
  createMedium: () => {
    const directory = mkdtempSync(join(tmpdir(), 'longhaul-disk-contract-'));
    return Promise.resolve({
      open: (limitBytes: number) =>
        openDiskTier({ directory, limitBytes, segmentBytes: 2 ** 17, syncIntervalMs: 1, scrubPerHour: 0 }),
      dispose: () => {
        rmSync(directory, { recursive: true, force: true });
        return Promise.resolve();
      },
    });
  },
});
