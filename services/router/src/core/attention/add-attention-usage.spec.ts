import { describe, expect, it } from '@jest/globals';
import type { AttentionUsage } from '@longhaul/inference';
import { addAttentionUsage } from './add-attention-usage.js';

const usage: AttentionUsage = {
  ...{ policy: 'balanced', quality: 'exact', density: { prefill: 0.5, decode: 1 }, kvReadBytes: 10 },
  ...{ audit: null, fallbacks: 0 },
};
const part = (
  attention: AttentionUsage | null,
  counts = { promptTokens: 100, cachedTokens: 0, completionTokens: 1 },
) => ({
  ...counts,
  attention,
});

describe('the attention of several prompts', () => {
  it('is that of the one where there is one', () => {
    expect(addAttentionUsage([part(usage)])).toEqual(usage);
  });

  it('weighs densities by what was computed, takes the worst quality and sums the rest', () => {
    const other: AttentionUsage = {
      ...{ policy: 'balanced', quality: 'sparse', density: { prefill: 0.2, decode: 0.5 }, kvReadBytes: 5 },
      ...{ audit: { samples: 4, recall: 0.9, klSamples: 1, kl: 0.25, breaches: 1 }, fallbacks: 2 },
    };
    const counts = { promptTokens: 300, cachedTokens: 200, completionTokens: 3 };
    expect(addAttentionUsage([part(usage), part(other, counts)])).toEqual({
      ...{ policy: 'balanced', quality: 'sparse', density: { prefill: 0.35, decode: 0.625 }, kvReadBytes: 15 },
      ...{ audit: { samples: 4, recall: 0.9, klSamples: 1, kl: 0.25, breaches: 1 }, fallbacks: 2 },
    });
  });

  it('weighs recall and divergence by samples, and knows none where nothing was sampled', () => {
    const audited = (samples: number, mean: number | null): AttentionUsage => ({
      ...usage,
      audit: { samples, recall: mean, klSamples: 2 * samples, kl: mean, breaches: 0 },
    });
    const sum = addAttentionUsage([part(audited(1, 1)), part(audited(3, 0.5)), part(audited(0, null))]);
    expect(sum?.audit).toEqual({ samples: 4, recall: 0.625, klSamples: 8, kl: 0.625, breaches: 0 });
    expect(addAttentionUsage([part(audited(0, null))])?.audit).toMatchObject({ recall: null, kl: null });
  });

  it('counts no bytes where the engine has not counted those of one of them', () => {
    const uncounted = { ...usage, kvReadBytes: null };
    expect(addAttentionUsage([part(usage), part(uncounted)])).toMatchObject({ kvReadBytes: null, policy: 'balanced' });
  });

  it('is nothing where the engine does not tell of one of them, or of none', () => {
    expect(addAttentionUsage([part(usage), part(null)])).toBeNull();
    expect(addAttentionUsage([])).toBeNull();
  });

  it('has a density of 1 where everything came from the cache', () => {
    const cached = { promptTokens: 100, cachedTokens: 100, completionTokens: 0 };
    expect(addAttentionUsage([part(usage, cached)])?.density).toEqual({ prefill: 1, decode: 1 });
  });
});
