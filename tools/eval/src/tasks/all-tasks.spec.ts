import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { needleCodec } from '../prompt/needle-codec.js';
import { chooseTasks } from './all-tasks.js';

const folder = mkdtempSync(join(tmpdir(), 'longhaul-eval-tasks-'));
afterAll(() => rmSync(folder, { recursive: true }));

const NO_FILES = { qa1: null, qa2: null, longbench: null, longbenchPrompts: null };
const namesOf = (names: string[], files: Partial<Parameters<typeof chooseTasks>[1]> = {}): string[] =>
  chooseTasks(names, { ...NO_FILES, ...files }).tasks.map(({ name }) => name);

const write = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const RECORD = { input: 'Who?', context: 'a text', answers: ['me'], all_classes: null };

describe('chooseTasks', () => {
  it('takes tasks and groups, each task once', () => {
    expect(namesOf(['vt', 'ruler'])).toHaveLength(11);
    expect(namesOf(['nt_single', 'vt'])).toEqual(['vt', 'nt_single']);
    expect(namesOf(['threading'])).toHaveLength(9);
  });

  it('says which tasks are left out for want of a file', () => {
    expect(chooseTasks(['ruler'], NO_FILES).skipped).toEqual([
      'qa_1 is left out: it reads a file, see --qa-1 SQUAD.json',
      'qa_2 is left out: it reads a file, see --qa-2 HOTPOTQA.json',
    ]);
    expect(() => chooseTasks(['qa_1'], NO_FILES)).toThrow('nothing is left to ask: qa_1 needs --qa-1 SQUAD.json');
  });

  it('names what is no task', () => {
    expect(() => chooseTasks(['vt', 'niah'], NO_FILES)).toThrow(/^--tasks: niah is not one of ruler, threading, /);
  });

  it('reads the data sets that are there', () => {
    const longbench = join(folder, 'longbench');
    mkdirSync(longbench);
    writeFileSync(join(longbench, 'hotpotqa.jsonl'), `${JSON.stringify(RECORD)}\n`);
    expect(namesOf(['longbench'], { longbench })).toEqual(['lb_hotpotqa']);
    const prompts = write('prompts.json', JSON.stringify({ hotpotqa: 'T: {context} Q: {input}' }));
    const { tasks } = chooseTasks(['lb_hotpotqa'], { ...NO_FILES, longbench, longbenchPrompts: prompts });
    const sample = tasks[0]?.sample({ seed: 1, length: 512, index: 0 }, needleCodec());
    expect(sample?.prompt.text).toBe('T: a text Q: Who?');
    const none = write('none.json', '{}');
    expect(() => chooseTasks(['lb_hotpotqa'], { ...NO_FILES, longbench, longbenchPrompts: none })).toThrow(
      `--longbench-prompts: ${none} has no prompt for hotpotqa.`,
    );
  });

  it('refuses what cannot be scored, and files that are not what they should be', () => {
    expect(() => chooseTasks(['lb_dureader'], NO_FILES)).toThrow(
      expect.objectContaining({ code: 'UNIMPLEMENTED', reason: 'UNSUPPORTED_TASK' }),
    );
    const text = write('text.json', 'no json');
    expect(() => chooseTasks(['qa_1'], { ...NO_FILES, qa1: text })).toThrow(`--qa-1: ${text} is no JSON file.`);
    expect(() => chooseTasks(['qa_1'], { ...NO_FILES, qa1: join(folder, 'missing') })).toThrow(/^--qa-1: /);
  });
});
