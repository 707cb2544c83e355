/** Where a block's bytes are, fastest first. */
export const TIERS = ['ram', 'disk', 'object'] as const;
export type Tier = (typeof TIERS)[number];
