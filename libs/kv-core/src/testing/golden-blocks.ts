import { BlockDtype } from '../format/constants.js';
import type { SampleOptions } from './sample-block.js';

const F32 = { dtypeK: BlockDtype.f32, dtypeV: BlockDtype.f32 } as const;

/** The golden block files by name: every codec that is built, with and without signature, full and partial. */
export const GOLDEN_BLOCKS: Readonly<Record<string, SampleOptions>> = {
  'raw-bf16': {},
  'raw-bf16-signed': { signed: true },
  'raw-bf16-partial': { tokens: 5 },
  'raw-f32': { geometry: F32 },
  'raw-f32-signed-partial': { geometry: { ...F32, headDimV: 4 }, tokens: 11, signed: true },
  'raw-int8-signed': { geometry: { dtypeK: BlockDtype.u8, dtypeV: BlockDtype.i8 }, signed: true },
  'raw-bf16-window-before-rope': { geometry: { layerBegin: 4, layerEnd: 5, window: 128, ropeMode: 1 }, signed: true },
};
