import { describe, expect, it } from '@jest/globals';
import { policyChoices, policyNames, policyTitle } from './policy-choice.js';

const LAYERS = 4;
const choices = (names: string[], ...policies: unknown[]) =>
  policyChoices({ names, layers: LAYERS, files: policies.map((json) => ({ path: 'own.json', json })) });
const WINDOW = {
  name: 'window',
  plans: [
    {
      phase: 'decode',
      branches: [
        { range: 'window', tokens: 64 },
        { range: 'middle', selector: { rule: 'none' } },
      ],
    },
  ],
};

describe('policyChoices', () => {
  it('always has dense first, once', () => {
    expect(choices([])).toHaveLength(1);
    expect(choices(['dense'])).toEqual(choices([]));
    expect(choices([])[0]).toMatchObject({ name: 'dense', denseBelow: null, attention: null });
  });

  it('has every preset sparse at every length beside its own value', () => {
    const [, everywhere, own] = choices(['balanced']);
    expect(everywhere).toMatchObject({ denseBelow: 0, attention: { preset: 'balanced', dense_below: 0 } });
    expect(own).toMatchObject({ denseBelow: 8192, attention: { preset: 'balanced' } });
    expect(everywhere?.digest).not.toBe(own?.digest);
    expect([everywhere, own].map((each) => each && policyTitle(each))).toEqual([
      'balanced (dense below 0)',
      'balanced (dense below 8192)',
    ]);
  });

  it('has a policy once that is sparse everywhere of itself', () => {
    expect(choices([], WINDOW).map(({ name, denseBelow }) => [name, denseBelow])).toEqual([
      ['dense', null],
      ['window', 0],
    ]);
  });

  it('makes all plans sparse everywhere, whatever each says', () => {
    const plans = WINDOW.plans.map((plan) => ({ ...plan, dense_below: 512 }));
    const [, everywhere, own] = choices([], [{ ...WINDOW, plans }]);
    expect(everywhere?.attention).toMatchObject({ dense_below: 0, plans: [{ dense_below: 0 }] });
    expect(own?.denseBelow).toBe(512);
  });

  it('gives a policy another digest where its budgets follow from another number of layers', () => {
    const of = (layers: number) => policyChoices({ names: ['balanced'], layers, files: [] })[1]?.digest;
    expect(of(4)).toBe(of(4));
    expect(of(4)).not.toBe(of(30));
  });

  it('knows the methods by their names', () => {
    const [, quest] = choices(['quest']);
    expect(quest).toMatchObject({ name: 'quest', denseBelow: 0, attention: { plans: [{ phase: 'decode' }] } });
    expect(policyNames()).toEqual(expect.arrayContaining(['balanced', 'xattention', 'quest']));
    for (const name of policyNames().slice(1)) expect(choices([name])[1]).toMatchObject({ name, denseBelow: 0 });
  });

  it('names flag and field of what is no policy', () => {
    expect(() => choices(['quick'])).toThrow(
      /^--policies: quick is not one of dense, balanced, fast, .*quest.*\. Give one of your own with --policy-file\.$/,
    );
    expect(() => choices([], { name: 'x', plans: [{ phase: 'night', branches: [] }] })).toThrow(
      '--policy-file own.json: policy.plans[0].phase must be one of prefill, decode.',
    );
    expect(() => choices([], [WINDOW, WINDOW])).toThrow('--policy-file: there are two policies called window.');
    expect(() => choices([], { ...WINDOW, name: 'dense' })).toThrow('two policies called dense');
  });
});
