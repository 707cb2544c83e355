/** The filler that RULER repeats: sentences that say nothing and are the same everywhere. */
export const NOISE = 'The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.';
