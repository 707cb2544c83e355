import { describe, expect, it } from '@jest/globals';
import { PACKAGE_VERSION, type ModelManifest, type RopeClass } from '../manifest.js';
import { fingerprintManifest } from '../package/fingerprint.js';
import { applyRopeScalingOverride } from './rope-scaling-override.js';

const digest = 'a'.repeat(64);
const plain = (theta: number): RopeClass => ({ theta, dim: 64, scaling: { kind: 'default' } });

function manifest(change: Partial<ModelManifest> = {}): ModelManifest {
  const base: Omit<ModelManifest, 'fingerprint'> = {
    format: 'longhaul-model',
    version: PACKAGE_VERSION,
    name: 'tiny',
    family: 'llama',
    shape: { layers: 2, hiddenSize: 64, intermediateSize: 64, heads: 1, kvHeads: 1, headDim: 64, vocabSize: 10 },
    ropeClasses: [plain(10_000)],
    layerAttention: [
      { ropeClass: 0, window: null },
      { ropeClass: 0, window: null },
    ],
    decoder: {
      ...{ attentionScale: 0.125, attentionSoftcap: null, qkNorm: false, normEps: 1e-5, postNorms: false },
      ...{ activation: 'silu', embeddingScale: null, finalSoftcap: null },
    },
    contextLength: 8192,
    weights: { scheme: 'f32', bytes: 1, sha256: digest },
    tokenizer: { sha256: digest, bosTokenId: null, eosTokenIds: [], addBos: false },
    generation: {},
    files: {},
    createdUnixS: 0,
    source: 'tiny',
    ...change,
  };
  return { ...base, fingerprint: fingerprintManifest(base) };
}

describe('applyRopeScalingOverride', () => {
  it('yarn:4 gives four times the context and a fingerprint of its own', () => {
    const original = manifest();
    const scaled = applyRopeScalingOverride(original, 'yarn:4');
    expect(scaled.contextLength).toBe(32_768);
    expect(scaled.ropeClasses[0]?.scaling).toMatchObject({ kind: 'yarn', factor: 4, originalContext: 8192 });
    expect(scaled.fingerprint).not.toBe(original.fingerprint);
    expect(scaled.fingerprint).toBe(fingerprintManifest(scaled));
  });

  it('leaves alone what only sliding layers use', () => {
    const scaled = applyRopeScalingOverride(
      manifest({
        ropeClasses: [plain(1e6), plain(1e4)],
        layerAttention: [
          { ropeClass: 0, window: null },
          { ropeClass: 1, window: 512 },
        ],
      }),
      'linear:2',
    );
    expect(scaled.ropeClasses.map((rope) => rope.scaling.kind)).toEqual(['linear', 'default']);
  });

  it.each(['yarn', 'yarn:', 'yarn:0.5', 'yarn:65', 'yarn:4:4', 'llama3:2', 'yarn:1e1', 'toString:2', ''])(
    'refuses %j',
    (override) => {
      expect(() => applyRopeScalingOverride(manifest(), override)).toThrow(/rope-scaling must be/);
    },
  );

  it('refuses a model that is scaled already', () => {
    const scaled = manifest({ ropeClasses: [{ theta: 1e4, dim: 64, scaling: { kind: 'linear', factor: 2 } }] });
    expect(() => applyRopeScalingOverride(scaled, 'yarn:2')).toThrow(/already has linear scaling/);
  });

  it('refuses a model whose layers all slide', () => {
    const sliding = manifest({
      layerAttention: [
        { ropeClass: 0, window: 64 },
        { ropeClass: 0, window: 64 },
      ],
    });
    expect(() => applyRopeScalingOverride(sliding, 'yarn:2')).toThrow(/every layer/);
  });
});
