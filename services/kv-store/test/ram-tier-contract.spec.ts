import { RamTier } from '../src/core/tiers/index.js';
import { blockTierContract } from './block-tier-contract.js';

blockTierContract('memory', {
  durable: false,
  reclaimsLater: false,
  createMedium: () =>
    Promise.resolve({
      open: (limitBytes: number) => Promise.resolve(new RamTier(limitBytes)),
      dispose: () => Promise.resolve(),
    }),
});
