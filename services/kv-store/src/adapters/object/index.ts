export { DEFAULT_OBJECT_TIER } from './object-tier-options.js';
export type { ObjectTierOptions, ObjectTierStats } from './object-tier-options.js';
export { ObjectTier } from './object-tier.js';
export { objectTierSettings, openObjectTier } from './settings.js';
export type { ObjectTierConfig } from './settings.js';
