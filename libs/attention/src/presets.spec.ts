import { describe, expect, it } from '@jest/globals';
import { compilePolicy } from './compile/compile-policy.js';
import { allowsDrafts } from './drafts.js';
import { presetNames } from './policy.js';
import { writtenPreset } from './presets.js';
import { shapes } from './testing/shapes.js';

const K32 = 32_768;

/** Share of a text of 32K tokens that decode looks at under a policy, over all layers. */
function decodeDensity(preset: 'balanced' | 'fast', shape: (typeof shapes)[keyof typeof shapes]): number {
  const { table, plans } = compilePolicy({ preset }, shape);
  const decode = [...table.subarray(table.length / 2)].map((index) => plans[index]);
  const shares = decode.map((plan) => (plan?.rule === 'top-k' ? plan.budgetTokens / K32 : 1));
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

describe('presets', () => {
  it.each(Object.entries(shapes))('keep to their density at 32K tokens of decode for %s', (_, shape) => {
    expect(decodeDensity('balanced', shape)).toBeLessThanOrEqual(0.125);
    expect(decodeDensity('fast', shape)).toBeLessThanOrEqual(0.0625);
    expect(decodeDensity('balanced', shape)).toBeGreaterThan(0.1);
  });

  it.each(['balanced', 'fast'] as const)(
    '%s looks at the first and last tokens, and counts half of a bound',
    (preset) => {
      const { plans } = compilePolicy({ preset }, shapes['smollm2-135m']);
      const paged = plans.find(({ scorer }) => scorer === 'key-bounds');
      expect(paged).toMatchObject({ boundRadius: 0.5, sinkTokens: 16, windowTokens: 128 });
    },
  );

  it('keep the first two layers of a model of some depth dense', () => {
    const [, decode] = writtenPreset({ preset: 'balanced' }, { layers: 30 }).plans;
    expect(decode?.layers).toEqual([{ from: 2 }]);
    expect(writtenPreset({ preset: 'balanced' }, { layers: 4 }).plans[1]?.layers).toBeUndefined();
  });

  it('take another dense part in both phases', () => {
    const { plans } = compilePolicy({ preset: 'balanced', dense_below: 0 }, shapes['smollm2-135m']);
    expect(plans.filter(({ rule }) => rule !== 'all').map(({ denseBelow }) => denseBelow)).toEqual([0, 0]);
  });

  it('name the preset, not a field that nobody wrote, where a model lacks something', () => {
    const shape = { ...shapes['smollm2-135m'], channels: [] };
    expect(() => compilePolicy({ preset: 'balanced' }, shape)).toThrow(
      expect.objectContaining({
        field: 'attention',
        message: expect.stringMatching(/^The policy balanced: plans\[\d\].*key-bounds/),
      }),
    );
  });

  it.each(presetNames)('%s allows drafts before a model is known just as after', (preset) => {
    for (const shape of Object.values(shapes)) {
      expect(compilePolicy({ preset }, shape).drafts).toBe(allowsDrafts({ preset }));
    }
  });
});
