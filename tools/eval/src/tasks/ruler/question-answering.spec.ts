import { describe, expect, it } from '@jest/globals';
import { needleCodec } from '../../prompt/needle-codec.js';
import { questionAnswering } from './question-answering.js';
import { readHotpot, readSquad } from './question-records.js';

const paragraph = (n: number): string => `Paragraph ${n} tells that the river of town ${n} is called river${n}x.`;
const SQUAD = {
  data: [0, 1].map((article) => ({
    paragraphs: [0, 1, 2].map((p) => {
      const n = article * 3 + p;
      return {
        context: paragraph(n),
        qas: [
          { question: `Which river is in town ${n}?`, answers: [{ text: `river${n}x` }], is_impossible: false },
          { question: 'Nobody knows?', answers: [], is_impossible: true },
        ],
      };
    }),
  })),
};
const HOTPOT = [0, 1].map((n) => ({
  question: `Who built house ${n}?`,
  answer: `builder${n}`,
  context: [
    [`House ${n}`, ['It is old. ', `builder${n} built it.`]],
    ['Streets', ['Streets are long.']],
  ],
}));
const codec = needleCodec();

describe('qa_1', () => {
  const task = questionAnswering('qa_1', readSquad(SQUAD, '--qa-1'));

  it('asks the questions that have an answer, each once', () => {
    expect(task.available).toBe(6);
    const questions = Array.from({ length: 6 }, (_, index) => {
      const { prompt } = task.sample({ seed: 1, length: 1024, index }, codec);
      return /Question: (.*)$/.exec(prompt.text)?.[1];
    });
    expect(new Set(questions).size).toBe(6);
  });

  it('shows the document that answers among as many others as fit, those of its article first', () => {
    const { prompt, references, tokenIds } = task.sample({ seed: 1, length: 300, index: 0 }, codec);
    const number = Number(/river(\d)x/.exec(references[0] ?? '')?.[1]);
    expect(prompt.text).toContain(paragraph(number));
    expect(tokenIds.length).toBeLessThanOrEqual(300 - 32);
    const shown = [...prompt.text.matchAll(/Paragraph (\d)/g)].map(([, n]) => Number(n));
    expect(shown.length).toBeGreaterThan(1);
    const sameArticle = shown.filter((n) => Math.floor(n / 3) === Math.floor(number / 3)).length;
    expect(sameArticle).toBe(Math.min(3, shown.length));
    expect(task.score(`in river${number}x`, { references })).toBe(1);
  });

  it('shows all documents once where all fit', () => {
    const { prompt } = task.sample({ seed: 1, length: 4096, index: 0 }, codec);
    expect([...prompt.text.matchAll(/Document \d+:/g)]).toHaveLength(6);
  });
});

describe('qa_2', () => {
  it('shows all pages of the question', () => {
    const task = questionAnswering('qa_2', readHotpot(HOTPOT, '--qa-2'));
    const { prompt, references } = task.sample({ seed: 1, length: 1024, index: 0 }, codec);
    expect(prompt.text).toContain(`${references[0] ?? ''} built it.`);
    expect(prompt.text).toContain('Streets\nStreets are long.');
  });
});

describe('files of questions', () => {
  it.each([
    [{ data: 'none' }, 'data must be a list'],
    [{ data: [{ paragraphs: [{ context: 5, qas: [] }] }] }, 'context must be a string'],
    [{ data: [] }, 'there is no question with an answer in it'],
    [null, 'data must be a list'],
  ])('refuses %j', (json, problem) => {
    expect(() => readSquad(json, '--qa-1')).toThrow(
      expect.objectContaining({ reason: 'BAD_QUESTIONS', message: `--qa-1: ${problem}.` }),
    );
  });
});
