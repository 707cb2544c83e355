import { describe, expect, it } from '@jest/globals';
import type { ModelManifest } from '@longhaul/model';
import { modelInfo } from './served-manifest.js';

function manifest(name: string, generation: ModelManifest['generation']): ModelManifest {
  const shape = { vocabSize: 10 };
  const tokenizer = { eosTokenIds: [1] };
  const weights = { scheme: 'int8' };
  return { name, generation, shape, tokenizer, weights } as unknown as ModelManifest;
}

const kernels = { levels: { 'attention/f32': 'avx2' }, source: 'stored', profileId: 'p' };

describe('what a router is told about a model', () => {
  it('has sampling defaults for a known model whose files say nothing, whatever name it is served under', () => {
    const choices = { servedModelName: 'mine', kvCacheDtype: 'f32' };
    const info = modelInfo(manifest('smollm2-135m-instruct', {}), choices, { kernels, attention: undefined });
    expect(info).toMatchObject({ id: 'mine', defaults: { temperature: 0.2, topP: 0.9 }, kernels });
  });

  it("has the files' own defaults where they say something", () => {
    const choices = { kvCacheDtype: 'f32' };
    const info = modelInfo(manifest('smollm2-135m-instruct', { temperature: 0 }), choices, {
      kernels,
      attention: undefined,
    });
    expect(info.defaults).toEqual({ temperature: 0 });
  });
});
