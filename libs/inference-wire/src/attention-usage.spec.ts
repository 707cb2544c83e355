import { describe, expect, it } from '@jest/globals';
import { inferenceV1 } from '@longhaul/contracts';
import { qualityNames, type AttentionUsage } from '@longhaul/inference';
import { fromAttentionUsage, toAttentionUsage } from './attention-usage.js';

const usage: AttentionUsage = {
  ...{ policy: 'balanced', quality: 'sparse', density: { prefill: 0.25, decode: 0.125 }, kvReadBytes: 2 ** 40 },
  ...{ audit: null, fallbacks: 1 },
};

function overTheWire(sent: AttentionUsage): AttentionUsage | null {
  const message = toAttentionUsage(sent) as inferenceV1.AttentionUsage;
  return fromAttentionUsage(inferenceV1.AttentionUsage.decode(inferenceV1.AttentionUsage.encode(message).finish()));
}

describe('what attention did', () => {
  it.each(qualityNames)('arrives as it was told, of the class %s', (quality) => {
    expect(overTheWire({ ...usage, quality })).toEqual({ ...usage, quality });
  });

  it.each([null, 0, 0.97])('arrives with an audit whose recall and divergence are %s', (mean) => {
    const audited = { ...usage, audit: { samples: 3, recall: mean, klSamples: 2, kl: mean, breaches: 1 } };
    expect(overTheWire(audited)).toEqual(audited);
  });

  it('arrives without bytes that were not counted, which are not 0 bytes', () => {
    for (const kvReadBytes of [null, 0]) expect(overTheWire({ ...usage, kvReadBytes })?.kvReadBytes).toBe(kvReadBytes);
  });

  it('is unset where the engine does not tell', () => {
    expect(toAttentionUsage(null)).toBeUndefined();
    expect(fromAttentionUsage(undefined)).toBeNull();
  });

  it('is a fault of the worker without a class', () => {
    const message = { ...(toAttentionUsage(usage) as inferenceV1.AttentionUsage), quality: 0 };
    expect(() => fromAttentionUsage(message)).toThrow(expect.objectContaining({ reason: 'PROTOCOL_ERROR' }));
  });
});
