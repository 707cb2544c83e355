import { describe, expect, it } from '@jest/globals';
import { compilePolicy, parsePolicy, type ModelShape } from '@longhaul/attention';
import { attentionModes, policyOf, underPolicy, withDrafts } from './policies.js';

const needle: ModelShape = {
  ...{ layers: 4, kvHeads: 2, heads: 4, headDim: 64, windows: [0, 0, 0, 0], kvDtype: 'bf16' },
  ...{ artefacts: {}, channels: ['key-bounds'] },
};
const mixed = Array.from({ length: 32 }, (_, at) => policyOf('mixed', at));
const body = { prompt: 'x', max_tokens: 1 };

describe('the policies of a soak', () => {
  it('are possible on the model that it serves, and differ in what they compute', () => {
    for (const mode of attentionModes) {
      for (const policy of [0, 1, 2].map((at) => policyOf(mode, at))) {
        expect(() => compilePolicy(parsePolicy('attention', policy), needle)).not.toThrow();
      }
    }
    const kinds = mixed.map((policy) => compilePolicy(policy, needle).numericsId);
    expect(new Set(kinds).size).toBeGreaterThan(5);
    expect(kinds).toContain('');
  });

  it('are the same for a request whenever it comes, and for all where one is named', () => {
    expect(policyOf('mixed', 3)).toEqual(policyOf('mixed', 3));
    expect([0, 1, 9].map((at) => policyOf('fast', at))).toEqual(Array(3).fill({ preset: 'fast' }));
  });

  it('come with drafts where they allow them', () => {
    const drafted = { kind: 'lookup' };
    const [pages, fast] = [policyOf('balanced', 0), policyOf('fast', 0)];
    expect(withDrafts(underPolicy(body, pages), pages)).toEqual({
      ...body,
      longhaul: { attention: pages, speculation: drafted },
    });
    expect(withDrafts(underPolicy(body, fast), fast)).toEqual({ ...body, longhaul: { attention: fast } });
  });
});
