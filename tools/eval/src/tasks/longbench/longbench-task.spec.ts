import { describe, expect, it } from '@jest/globals';
import { needleCodec } from '../../prompt/needle-codec.js';
import { DATASETS } from './datasets.js';
import { longbenchTask } from './longbench-task.js';
import { readRecords } from './records.js';

const record = (fields: object): string =>
  JSON.stringify({ input: 'Where?', context: 'In {input} town.', answers: ['town', 'city'], ...fields });
const taskOf = (name: string, ...lines: string[]) => {
  const dataset = DATASETS.find((each) => each.name === name);
  if (!dataset) throw new Error(name);
  return longbenchTask(dataset, readRecords(lines.join('\n'), 'file'));
};
const codec = needleCodec();
const at = (index: number, length = 512) => ({ seed: 1, length, index });

describe('longbenchTask', () => {
  it('shows the records in their order and leaves braces in them alone', () => {
    const task = taskOf('hotpotqa', record({}), record({ input: 'When?' }));
    expect(task).toMatchObject({ name: 'lb_hotpotqa', available: 2 });
    expect(task.sample(at(0), codec).prompt.text).toContain('In {input} town.\n\nQuestion: Where?');
    expect(task.sample(at(1), codec).prompt.text).toContain('Question: When?');
  });

  it('scores the best reference', () => {
    const task = taskOf('hotpotqa', record({}));
    expect(task.score('the city', task.sample(at(0), codec))).toBe(1);
  });

  it('cuts a long prompt in its middle to just fit', () => {
    const words = Array.from({ length: 3000 }, (_, i) => `word${i}`).join(' ');
    const { prompt, tokenIds, answerTokens } = taskOf('hotpotqa', record({ context: words })).sample(at(0), codec);
    expect(tokenIds.length + answerTokens).toBeLessThanOrEqual(512);
    expect(tokenIds.length + answerTokens).toBeGreaterThan(500);
    expect(prompt.text).toMatch(/^Read the text.*word0 /s);
    expect(prompt.text).toMatch(/word2999\n\nQuestion: Where\?\nAnswer:$/);
    expect(prompt.text).not.toContain('word1500');
  });

  it('takes the first line, the labels and the stop string where a data set has them', () => {
    const trec = taskOf('trec', record({ answers: ['Food'], all_classes: ['Food', 'Animal'] }));
    const sample = trec.sample(at(0), codec);
    expect(sample.prompt.plain).toBe(true);
    expect(trec.score('\nFood\nAnimal', sample)).toBe(1);
    expect(trec.score('Food Animal', sample)).toBe(0.5);
    expect(taskOf('samsum', record({})).sample(at(0), codec).stop).toEqual(['\n']);
  });
});

describe('readRecords', () => {
  it.each([
    ['', 'there is no record in it'],
    ['{"input": 1}', 'line 1: input must be a string'],
    [`${record({})}\n{`, 'line 2 is no JSON object'],
    [record({ answers: 'town' }), 'line 1: answers must be a list of strings'],
  ])('refuses %j', (text, problem) => {
    expect(() => readRecords(text, 'file')).toThrow(
      expect.objectContaining({ reason: 'BAD_RECORDS', message: `--longbench: file: ${problem}.` }),
    );
  });
});
