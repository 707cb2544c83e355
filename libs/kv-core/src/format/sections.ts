import { kvErrors } from '../errors.js';
import type { TokenIds } from '../keys/block-keys.js';
import { ALL_LAYERS } from './constants.js';
import type { BlockHead, BlockSection } from './block-header.js';

/** The section of a kind, of one layer or of none. Undefined when the block has no such section. */
export function findSection(head: BlockHead, kind: number, layer: number = ALL_LAYERS): BlockSection | undefined {
  return head.sections.find((section) => section.kind === kind && section.layer === layer);
}

/**
 * The sections that a reader of layers [`layerBegin`, `layerEnd`) needs, in the order in which they are sent: those of
 * no layer first, then layer by layer, within a layer as they lie in the object.
 *
 * @throws AppError `INVALID_ARGUMENT` for an empty range or one outside the block's layers.
 */
export function sectionsOfLayers(head: BlockHead, layerBegin: number, layerEnd: number): readonly BlockSection[] {
  const { header } = head;
  if (!(layerBegin >= header.layerBegin && layerBegin < layerEnd && layerEnd <= header.layerEnd)) {
    const has = `${header.layerBegin} to ${header.layerEnd}`;
    throw kvErrors.argument('layerBegin', `Layers ${layerBegin} to ${layerEnd} are not within ${has}.`);
  }
  const rank = (section: BlockSection) => (section.layer === ALL_LAYERS ? -1 : section.layer);
  return head.sections
    .filter(({ layer }) => layer === ALL_LAYERS || (layer >= layerBegin && layer < layerEnd))
    .sort((a, b) => rank(a) - rank(b) || a.offset - b.offset);
}

/**
 * Whether the block's own tokens are those the reader has. Asked on every hit: a forged or colliding key is then a miss.
 *
 * @param stored bytes of the tokenIds section.
 */
export function compareTokens(stored: Uint8Array, tokens: TokenIds): boolean {
  if (stored.length !== 4 * tokens.length) return false;
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  for (let i = 0; i < tokens.length; i++) {
    if (view.getUint32(4 * i, true) !== (tokens[i] as number) >>> 0) return false;
  }
  return true;
}
