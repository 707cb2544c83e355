import { describe, expect, it } from '@jest/globals';
import { needleCodec } from '../../prompt/needle-codec.js';
import type { Sample, Task } from '../task.js';
import { generatedRulerTasks } from './ruler-tasks.js';

const LENGTH = 2048;
const codec = needleCodec();
const taskOf = (name: string): Task => {
  const task = generatedRulerTasks.find((known) => known.name === name);
  if (!task) throw new Error(name);
  return task;
};
const sampleOf = (name: string, index = 0, seed = 1, length = LENGTH): Sample =>
  taskOf(name).sample({ seed, length, index }, codec);
const times = (text: string, part: string): number => text.split(part).length - 1;
const names = generatedRulerTasks.map(({ name }) => name);

describe.each(names)('%s', (name) => {
  it('is never longer than asked, answer included, and not a sentence shorter', () => {
    for (const length of [1900, LENGTH, 4096]) {
      const { tokenIds, answerTokens } = sampleOf(name, 0, 1, length);
      expect(tokenIds.length + answerTokens).toBeLessThanOrEqual(length);
      // The largest unit is a needle of two UUIDs, which this tokenizer writes in some 90 tokens.
      expect(tokenIds.length + answerTokens).toBeGreaterThan(length - 100);
    }
  });

  it('is the same for the same place, and another for another number or seed', () => {
    const { prompt } = sampleOf(name);
    expect(sampleOf(name).prompt).toEqual(prompt);
    expect(sampleOf(name, 1).prompt).not.toEqual(prompt);
    expect(sampleOf(name, 0, 2).prompt).not.toEqual(prompt);
  });

  it('scores the references as right and nothing as wrong', () => {
    const sample = sampleOf(name);
    expect(taskOf(name).score(sample.references.join(' '), sample)).toBe(1);
    expect(taskOf(name).score('', sample)).toBe(0);
  });
});

describe.each(names.filter((name) => name.startsWith('niah')))('%s', (name) => {
  it('has every value that is asked for once, in a needle of the key that is asked for', () => {
    for (let index = 0; index < 4; index++) {
      const { prompt, references } = sampleOf(name, index);
      for (const value of references) {
        expect(times(prompt.text, value)).toBe(1);
        const key = new RegExp(`for (\\S+) is: ${value}\\.`).exec(prompt.text)?.[1] ?? '';
        expect(prompt.answerPrefix).toContain(key);
      }
    }
  });
});

describe('needle tasks', () => {
  it('hide as many needles as RULER does', () => {
    const shape = (name: string): [number, number] => {
      const { prompt, references } = sampleOf(name);
      return [times(prompt.text, 'One of the special magic'), references.length];
    };
    expect(shape('niah_single_1')).toEqual([1, 1]);
    expect(shape('niah_multikey_1')).toEqual([4, 1]);
    expect(shape('niah_multivalue')).toEqual([4, 4]);
    expect(shape('niah_multiquery')).toEqual([4, 4]);
    expect(shape('niah_multikey_2')[0]).toBeGreaterThan(10);
    expect(shape('niah_multikey_3')[0]).toBeGreaterThan(10);
  });

  it('ask for one thing in the singular, for several in the plural', () => {
    expect(sampleOf('niah_single_3').prompt.answerPrefix).toMatch(/^The special magic uuid for \S+ in .* is$/);
    expect(sampleOf('niah_multivalue').prompt.answerPrefix).toMatch(/^The special magic numbers for \S+ in .* are$/);
    expect(sampleOf('niah_multiquery').prompt.answerPrefix).toMatch(/for \S+, \S+, \S+, and \S+ in/);
  });

  it('put needles at depths from the beginning to the end', () => {
    const depths = Array.from({ length: 40 }, (_, index) => {
      const { prompt, references } = sampleOf('niah_single_2', index);
      return prompt.text.indexOf(references[0] ?? '') / prompt.text.length;
    });
    expect(Math.min(...depths)).toBeLessThan(0.2);
    expect(Math.max(...depths)).toBeGreaterThan(0.8);
  });
});

describe('variable tracking', () => {
  it('assigns in order, each name once from the one before', () => {
    const { prompt, references } = sampleOf('vt');
    const places = references.map((name) => prompt.text.indexOf(`VAR ${name} = `));
    expect(places.every((place) => place > 0)).toBe(true);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    references.slice(1).forEach((name, i) => expect(prompt.text).toContain(`VAR ${name} = VAR ${references[i] ?? ''}`));
    const value = new RegExp(`VAR ${references[0] ?? ''} = (\\d{5})`).exec(prompt.text)?.[1] ?? 'none';
    expect(prompt.answerPrefix).toContain(value);
  });

  it('begins with a solved example of shorter names', () => {
    const { prompt } = sampleOf('vt');
    expect(prompt.text).toMatch(/have the value \d{5}:( [A-Z]{3}){5}\n\n/);
  });
});

describe('common words', () => {
  const counts = (text: string): Map<string, number> => {
    const list = /most often in mind\.\n(.*)\n/.exec(text.slice(text.indexOf('words that are in the list')))?.[1] ?? '';
    const found = new Map<string, number>();
    for (const [, word = ''] of list.matchAll(/\d+\. (\S+)/g)) found.set(word, (found.get(word) ?? 0) + 1);
    return found;
  };

  it.each([
    [2048, 6, 1],
    [4096, 6, 1],
    [8192, 30, 3],
  ])('lists, at length %i, ten words %i times and all others %i times', (length, often, seldom) => {
    const { prompt, references } = sampleOf('cwe', 0, 1, length);
    const found = counts(prompt.text);
    expect(references).toHaveLength(10);
    for (const word of references) expect(found.get(word)).toBe(often);
    expect([...found.values()].filter((count) => count === seldom)).toHaveLength(found.size - 10);
  });
});

describe('frequent words', () => {
  it('counts fall by rank, dots come most often and the next three are asked for', () => {
    const { prompt, references } = sampleOf('fwe');
    const text = /each one comes\. (.*)\n/.exec(prompt.text)?.[1] ?? '';
    const found = new Map<string, number>();
    for (const word of text.split(' ')) found.set(word, (found.get(word) ?? 0) + 1);
    const ranked = [...found].sort(([, a], [, b]) => b - a).map(([word]) => word);
    expect(ranked[0]).toBe('...');
    expect(ranked.slice(1, 4)).toEqual(references);
    expect(found.get(ranked[3] ?? '')).toBeGreaterThan(found.get(ranked[4] ?? '') ?? 0);
  });
});
