import { describe, expect, it } from '@jest/globals';
import { compilePolicy } from '@longhaul/attention';
import type { WeightScheme } from '@longhaul/model';
import { attentionShape, channelsFor } from './attention-shape.js';

const manifest = {
  name: 'acme/windowed',
  shape: { layers: 2, hiddenSize: 8, intermediateSize: 8, heads: 4, kvHeads: 2, headDim: 64, vocabSize: 9 },
  layerAttention: [
    { ropeClass: 0, window: 512 },
    { ropeClass: 0, window: null },
  ],
};
const shapeWith = (allowed: Parameters<typeof channelsFor>[0], scheme: WeightScheme = 'int8') =>
  attentionShape(
    { ...manifest, weights: { scheme, bytes: 1, sha256: '' } },
    { kvDtype: 'int8', channels: channelsFor(allowed), artefacts: {} },
  );

describe('what policies are made for', () => {
  it('has the sizes of the model, and each layer its own window', () => {
    expect(shapeWith(['dense'])).toEqual({
      ...{ package: 'acme/windowed', layers: 2, kvHeads: 2, heads: 4, headDim: 64, windows: [512, 0] },
      ...{ kvDtype: 'int8', channels: [], artefacts: {} },
    });
  });

  it('names a package of other weights as the command line does', () => {
    expect(shapeWith(['dense'], 'f32').package).toBe('acme/windowed --weights f32');
  });

  it('has bounds of the keys where anything but dense is allowed, and without them no preset that needs them', () => {
    for (const preset of ['balanced', 'fast'] as const) {
      expect(() => compilePolicy({ preset }, shapeWith(['dense', preset]))).not.toThrow();
      expect(() => compilePolicy({ preset }, shapeWith(['dense']))).toThrow(/key-bounds/);
    }
    expect(channelsFor(['custom'])).toEqual(['key-bounds']);
  });
});
