import { describe, expect, it } from '@jest/globals';
import { needleCodec } from '../../prompt/needle-codec.js';
import type { Sample, Task } from '../task.js';
import { threadingTasks } from './threading-tasks.js';

const LENGTH = 3072;
const codec = needleCodec();
const taskOf = (name: string): Task => {
  const task = threadingTasks.find((known) => known.name === name);
  if (!task) throw new Error(name);
  return task;
};
const sampleOf = (name: string, index = 0): Sample => taskOf(name).sample({ seed: 1, length: LENGTH, index }, codec);

interface Written {
  pairs: [string, string][];
  question: string;
}

/** The object as it is written: a key may be there twice, so JSON.parse would lose pairs. */
function written({ prompt }: Sample): Written {
  const [, object = '', question = ''] = /^Here is a JSON object\.\n(\{[^}]*\})\n(.*)$/s.exec(prompt.text) ?? [];
  const pairs = [...object.matchAll(/"([^"]+)": "([^"]+)"/g)].map(([, key = '', value = '']): [string, string] => [
    key,
    value,
  ]);
  return { pairs, question };
}

/** Follows a key to the end of its longest way. */
function follow(pairs: [string, string][], key: string): { value: string; steps: number } {
  const ways = pairs.filter(([name]) => name === key).map(([, value]) => ({ ...follow(pairs, value), from: value }));
  const best = ways.reduce<(typeof ways)[number] | null>((a, b) => (a === null || b.steps > a.steps ? b : a), null);
  return best === null ? { value: key, steps: 0 } : { value: best.value, steps: best.steps + 1 };
}

const keysOf = (question: string): string[] => [...question.matchAll(/"([\da-f-]{36})"/g)].map(([, key = '']) => key);

describe.each(threadingTasks.map(({ name }) => name))('%s', (name) => {
  it('fits the length, is the same for the same place and another for another', () => {
    const sample = sampleOf(name);
    expect(sample.tokenIds.length + sample.answerTokens).toBeLessThanOrEqual(LENGTH);
    expect(sample.tokenIds.length + sample.answerTokens).toBeGreaterThan(LENGTH - 120);
    expect(sampleOf(name).prompt).toEqual(sample.prompt);
    expect(sampleOf(name, 1).prompt).not.toEqual(sample.prompt);
  });

  it('takes the references as the answer and nothing else', () => {
    const sample = sampleOf(name);
    expect(taskOf(name).score(` ${JSON.stringify(sample.references)}`.replaceAll('[', ''), sample)).toBe(1);
    expect(taskOf(name).score('none', sample)).toBe(0);
  });
});

describe('what is asked has the answer in the object', () => {
  it.each(['nt_single', 'nt_multiple_random', 'nt_multiple_clustered'])('%s', (name) => {
    const sample = sampleOf(name);
    const { pairs, question } = written(sample);
    const values = keysOf(question).map((key) => pairs.filter(([known]) => known === key).map(([, value]) => value));
    expect(values).toEqual(sample.references.map((value) => [value]));
  });

  it('nt_conditional', () => {
    const sample = sampleOf('nt_conditional');
    const marked = written(sample).pairs.filter(([key]) => key.includes('*'));
    expect(marked.map(([, value]) => value)).toEqual(sample.references);
    expect(marked).toHaveLength(5);
  });

  it.each(['nt_thread_forward', 'nt_thread_backward', 'nt_thread_random', 'nt_multi_thread', 'nt_branched'])(
    '%s',
    (name) => {
      const sample = sampleOf(name);
      const { pairs, question } = written(sample);
      const ends = keysOf(question).map((key) => follow(pairs, key));
      expect(ends).toEqual(sample.references.map((value) => ({ value, steps: 5 })));
    },
  );
});

describe('places of needles', () => {
  const placesOf = (name: string, index: number): number[] => {
    const { pairs, question } = written(sampleOf(name, index));
    const places: number[] = [];
    for (let key = keysOf(question)[0] ?? ''; ;) {
      const at = pairs.findIndex(([known]) => known === key);
      if (at < 0) return places;
      places.push(at);
      key = pairs[at]?.[1] ?? '';
    }
  };

  it('threads run forward and backward as they are called', () => {
    for (let index = 0; index < 3; index++) {
      const forward = placesOf('nt_thread_forward', index);
      expect(forward).toEqual([...forward].sort((a, b) => a - b));
      const backward = placesOf('nt_thread_backward', index);
      expect(backward).toEqual([...backward].sort((a, b) => b - a));
    }
  });

  it('clustered needles are neighbours', () => {
    const { pairs, question } = written(sampleOf('nt_multiple_clustered'));
    const places = keysOf(question).map((key) => pairs.findIndex(([known]) => known === key));
    expect(Math.max(...places) - Math.min(...places)).toBe(4);
  });
});

describe('scores', () => {
  const [one, two] = ['11111111-2222-4333-8444-555555555555', 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'];

  it('a value must begin the answer, quotes aside', () => {
    const { score } = taskOf('nt_single');
    expect(score(` "${one}" is the value`, { references: [one] })).toBe(1);
    expect(score(`The value is ${one}`, { references: [one] })).toBe(0);
    expect(score(one.slice(0, -1), { references: [one] })).toBe(0);
  });

  it('of a list the share that is right counts, and no more values than were asked for', () => {
    const { score } = taskOf('nt_multiple_random');
    const other = one.replace('1111', '9999');
    expect(score(`["${one}", "${other}"]`, { references: [one, two] })).toBe(0.5);
    expect(score(`${other} ${other} ${one} ${two}`, { references: [one, two] })).toBe(0);
  });
});
