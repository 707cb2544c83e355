export type { Checksum } from './checksum.js';
export type { Namespace } from './namespace.js';
export type * from './ports/block-events.js';
export type * from './ports/block-store.js';
export type * from './ports/block-tier.js';
export { QualityClass } from './quality.js';
export { TIERS } from './tier.js';
export type { Tier } from './tier.js';
