/** Longest text that is encoded, before and after normalising, in UTF-16 units. */
export const MAX_TEXT_UNITS = 32 * 1024 * 1024;
/** Longest stretch that may be one piece: merging it takes some 30 bytes of memory per unit. */
export const MAX_PIECE_UNITS = 4 * 1024 * 1024;
/** Units of text that are looked at between two turns of the event loop. */
export const UNITS_PER_STEP = 65_536;

/** Bounds on what a checkpoint brings; far above what any known one has. */
export const MAX_TOKENS = 2 * 1024 * 1024;
export const MAX_ADDED_TOKENS = 65_536;
export const MAX_TOKEN_UNITS = 1024;
export const MAX_PATTERN_UNITS = 16_384;
export const MAX_REPLACEMENT_UNITS = 256;
export const MAX_STEPS_OF_A_PIPELINE = 64;
export const MAX_TEMPLATE_UNITS = 1024 * 1024;

/** What one rendering of a chat template may do; a conversation of 4,096 messages takes some hundred thousand steps. */
export const MAX_TEMPLATE_STEPS = 4_000_000;
export const MAX_TEMPLATE_ITEMS = 1024 * 1024;
