import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { NEEDLE_3M } from '@longhaul/testing';
import { createTokenizer } from '@longhaul/tokenizer';
import type { SamplePlan } from './sample-plan.js';
import { SampleTokens } from './sample-tokens.js';

const tokenizer = createTokenizer({
  tokenizerJson: readFileSync(join(NEEDLE_3M, 'tokenizer.json')),
  tokenizerConfigJson: readFileSync(join(NEEDLE_3M, 'tokenizer_config.json')),
});
const BOS = 1;
const manifestOf = (addBos: boolean) => ({
  shape: {
    ...{ layers: 4, hiddenSize: 8, intermediateSize: 8, heads: 4, kvHeads: 2, headDim: 64 },
    vocabSize: tokenizer.vocabSize + 100,
  },
  tokenizer: { sha256: '', bosTokenId: BOS, eosTokenIds: [], addBos },
});
const planOf = (kind: SamplePlan['kind'], tokens: number, samples = 3): SamplePlan =>
  ({ kind, tokens, samples }) as SamplePlan;
const textOf = (text: string) => ({ name: 'a.txt', text, digest: '' });

describe('the tokens of a sample', () => {
  const made = new SampleTokens(tokenizer, manifestOf(false), null);

  it.each(['copies', 'text'] as const)(
    'of the kind %s are the same every time, and others for every sample',
    (kind) => {
      const plan = planOf(kind, 1024);
      expect(made.of(plan, 0)).toHaveLength(1024);
      expect(new SampleTokens(tokenizer, manifestOf(false), null).of(plan, 1)).toEqual(made.of(plan, 1));
      expect(made.of(plan, 0)).not.toEqual(made.of(plan, 1));
    },
  );

  it('are ordinary tokens of the vocabulary, four times the same, where they are random', () => {
    const tokens = made.of(planOf('copies', 2048), 0);
    expect(tokens.slice(512)).toEqual(tokens.slice(0, 1536));
    const special = tokens.filter((id) => id >= tokenizer.vocabSize || tokenizer.isSpecial(id));
    expect(special).toEqual([]);
    expect(new Set(tokens).size).toBeGreaterThan(50);
  });

  it('end with questions and their answers where texts are made', () => {
    expect(tokenizer.decode(made.of(planOf('text', 600), 2))).toMatch(
      /What is the pass key of (\w+)\?\nThe pass key of \1 is \d{5}\.$/,
    );
  });

  it('begin as the model was trained to begin', () => {
    const begun = new SampleTokens(tokenizer, manifestOf(true), null).of(planOf('text', 600), 0);
    expect(begun).toHaveLength(600);
    expect(begun[0]).toBe(BOS);
    expect(begun.slice(1)).toEqual(made.of(planOf('text', 599), 0).slice(-599));
  });

  it('are parts of a given text, from its beginning to its end', () => {
    const text = Array.from({ length: 400 }, (_, i) => `The river number ${i} is cold.`).join(' ');
    const all = [...tokenizer.encode(text, { addSpecialTokens: false })];
    const parts = new SampleTokens(tokenizer, manifestOf(false), textOf(text));
    const plan = planOf('text', 600);
    expect(parts.of(plan, 0)).toEqual(all.slice(0, 600));
    expect(parts.of(plan, 2)).toEqual(all.slice(-600));
    expect(parts.of(planOf('text', 600, 1), 0)).toEqual(all.slice(0, 600));
  });

  it('are refused where the text is shorter than a sample', () => {
    const parts = new SampleTokens(tokenizer, manifestOf(false), textOf('The river.'));
    expect(() => parts.of(planOf('text', 600), 0)).toThrow(expect.objectContaining({ field: '--text' }));
    expect(() => parts.of(planOf('text', 600), 0)).toThrow(/a.txt has \d+ tokens; a sample has 600/);
  });
});
