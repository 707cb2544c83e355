export { fixturePath, NEEDLE_3M } from './fixtures.js';
export { needleDocument, passKeyQuestion, seededRandom } from './needle-corpus.js';
export type { NeedleDocument, PassKey } from './needle-corpus.js';
