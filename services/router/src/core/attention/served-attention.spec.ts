import { describe, expect, it } from '@jest/globals';
import { attentionChoices, DENSE, type ModelShape, type PolicySpec } from '@longhaul/attention';
import { unlimited } from '../tenants/tenant.js';
import { ServedAttention } from './served-attention.js';

const shape: ModelShape = {
  ...{ layers: 2, kvHeads: 1, heads: 1, headDim: 64, windows: [0, 0], kvDtype: 'bf16', artefacts: {} },
  channels: ['key-bounds'],
};

function serving(): (asked: PolicySpec | null) => ReturnType<ServedAttention['choose']> {
  const rules = { default: 'dense', allowed: new Set(attentionChoices) } as const;
  const attention = new ServedAttention(rules, { shape, stepPromptTokens: 512 });
  attention.offerTo(unlimited('t'));
  return (asked) => attention.choose(asked, unlimited('t'));
}

/** As many different ones as one likes. */
function numbered(number: number): PolicySpec {
  return { name: `p-${number}`, plans: [] };
}

describe('the attention of a served model', () => {
  it('is the one constant where a request says nothing or dense', () => {
    const choose = serving();
    for (const asked of [null, DENSE]) expect(choose(asked).spec).toBe(DENSE);
  });

  it('is compiled once for a policy, and again when 64 others have been asked for since', () => {
    const choose = serving();
    const [first, second] = [choose(numbered(0)), choose(numbered(1))];
    for (let i = 2; i < 64; i++) choose(numbered(i));
    expect(choose(numbered(0))).toBe(first);
    choose(numbered(64));
    expect(choose(numbered(0))).toBe(first);
    expect(choose(numbered(1))).not.toBe(second);
    expect(choose(numbered(1))).toEqual(second);
  });
});
