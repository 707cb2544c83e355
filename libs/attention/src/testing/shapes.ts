import type { ModelShape } from '../model-shape.js';

function shapeOf(sizes: Pick<ModelShape, 'layers' | 'heads' | 'kvHeads' | 'headDim'>): ModelShape {
  const windows = Array.from({ length: sizes.layers }, () => 0);
  return { ...sizes, windows, kvDtype: 'bf16', artefacts: {}, channels: ['key-bounds'] };
}

/** Models that policies are tried on. */
export const shapes = {
  'smollm2-135m': shapeOf({ layers: 30, heads: 9, kvHeads: 3, headDim: 64 }),
  'qwen2.5-0.5b': shapeOf({ layers: 24, heads: 14, kvHeads: 2, headDim: 64 }),
  'needle-3m': shapeOf({ layers: 4, heads: 4, kvHeads: 2, headDim: 64 }),
  'llama-3.1-8b': shapeOf({ layers: 32, heads: 32, kvHeads: 8, headDim: 128 }),
} as const;
