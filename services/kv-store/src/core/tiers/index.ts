export { GuardedTier, type TierState } from './guarded-tier.js';
export { RamTier } from './ram-tier.js';
export { fastestOf, RAM, safestOf, tierName } from './tier-numbers.js';
export { TierSet } from './tier-set.js';
