import { describe, expect, it } from '@jest/globals';
import { methodCards, presetNames } from '@longhaul/attention';
import { cell, columns } from '../policies/matrix.mjs';
import { holds, proofs, standingProofs, type Proof } from '../policies/proofs.mjs';

const ids: readonly string[] = [...presetNames, ...methodCards.map(({ id }) => id)];
const proof: Proof = { column: 'store', file: 'a.spec.ts', title: 'is the same', policies: ['quest'] };
const numbered = { ...proof, number: 3 };

describe('the matrix of policies', () => {
  it.each(proofs.map((each) => [`${each.file}: ${each.title}`, each] as const))(
    'names a test that is there: %s',
    (_, each) => {
      expect(holds(each)).toBe(true);
      expect(columns.map(({ id }) => id)).toContain(each.column);
      if (each.policies !== 'every') expect(ids).toEqual(expect.arrayContaining([...each.policies]));
    },
  );

  it('says yes with the number of the test that shows it', () => {
    const quest = { id: 'quest', compiled: { drafts: true } };
    expect(cell(quest, 'store', [numbered, numbered])).toBe('yes (3)');
    expect(cell(quest, 'store', [{ ...numbered, policies: 'every' }])).toBe('yes (3)');
  });

  it('never says yes without a test', () => {
    const quest = { id: 'quest', compiled: { drafts: true } };
    expect(cell(quest, 'chunks', [numbered])).toBe('not tested');
    expect(cell({ ...quest, id: 'lserve' }, 'store', [numbered])).toBe('not tested');
    expect(cell(quest, 'drafts', [])).toBe('not tested');
  });

  it('says no where the code refuses it, whatever is tested', () => {
    const kept = { id: 'quest', compiled: { drafts: false } };
    expect(cell(kept, 'drafts', [{ ...numbered, column: 'drafts' }])).toBe('no');
  });

  it('takes no test for one that is gone, is of another name, or is not about the policy', () => {
    expect(holds(proof, () => "it('is the same', ...) quest")).toBe(true);
    expect(holds(proof, () => null)).toBe(false);
    expect(holds(proof, () => "it('is another', ...) quest")).toBe(false);
    expect(holds(proof, () => "it('is the same', ...)")).toBe(false);
    expect(holds({ ...proof, policies: 'every' }, () => 'is the same')).toBe(false);
    expect(holds({ ...proof, policies: 'every' }, () => 'is the same methodCards')).toBe(true);
    const elsewhere = { ...proof, listedIn: 'list.ts' };
    expect(holds(elsewhere, (file) => (file === 'list.ts' ? 'quest' : 'is the same'))).toBe(true);
    expect(holds(elsewhere, () => 'is the same')).toBe(false);
    expect(standingProofs(() => null)).toEqual([]);
  });
});
