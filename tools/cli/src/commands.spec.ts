import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { dispatch, type Commands } from './commands.js';
import { parseFlags, refuseWords } from './flags.js';

let said = '';
const ran: string[][] = [];
const commands: Commands = {
  serve: { help: 'help of serve', run: (argv) => Promise.resolve(void ran.push(['serve', ...argv])) },
  model: { help: 'help of model', run: (argv) => dispatch(argv, 'x model', verbs, 'help of model') },
};
const verbs: Commands = {
  pull: { help: 'help of pull', run: (argv) => Promise.resolve(void ran.push(['pull', ...argv])) },
};
const run = (...argv: string[]) => dispatch(argv, 'x', commands, 'help of all');

beforeEach(() => {
  said = '';
  ran.length = 0;
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => ((said += String(text)), true));
});
afterEach(() => {
  jest.restoreAllMocks();
});

describe('a command line', () => {
  it.each<[string[], string]>([
    [[], 'help of all\n'],
    [['--help'], 'help of all\n'],
    [['-h'], 'help of all\n'],
    [['help'], 'help of all\n'],
    [['help', 'serve'], 'help of serve\n'],
    [['serve', '--help'], 'help of serve\n'],
    [['serve', '--port', '1', '-h'], 'help of serve\n'],
    [['model'], 'help of model\n'],
    [['model', 'pull', '--help'], 'help of model\n'],
  ])('of %j prints help and does nothing', async (argv, text) => {
    await run(...argv);
    expect(said).toBe(text);
    expect(ran).toEqual([]);
  });

  it('hands on what stands behind the name, also help that is a word behind --', async () => {
    await run('serve', '--port', '1');
    await run('model', 'pull', 'a');
    await run('serve', '--', '--help');
    expect(ran).toEqual([
      ['serve', '--port', '1'],
      ['pull', 'a'],
      ['serve', '--', '--help'],
    ]);
  });

  it('names the command that was probably meant', async () => {
    await expect(run('sevre')).rejects.toThrow("There is no command 'x sevre'. Did you mean 'x serve'? See x --help.");
    await expect(run('model', 'pul')).rejects.toThrow("Did you mean 'x model pull'?");
    await expect(run('frobnicate')).rejects.toThrow('There are serve, model.');
    await expect(run('__proto__')).rejects.toThrow("There is no command 'x __proto__'");
  });
});

describe('the flags of a command', () => {
  it('are refused by name when they are unknown, with the one that was probably meant', () => {
    expect(() => parseFlags(['--modle', 'a'], ['model'])).toThrow(
      '--modle is no flag of this command. Did you mean --model?',
    );
    expect(() => parseFlags(['--modle=a'], ['model'])).toThrow('--modle is no flag');
    expect(() => parseFlags(['-x'], ['model'])).toThrow('-x is no flag of this command. See --help.');
  });

  it('need their value, and switches take none', () => {
    expect(() => parseFlags(['--model'], ['model'])).toThrow(/--model.*See --help\.$/);
    expect(() => parseFlags(['--json=1'], [], ['json'])).toThrow(/--json.*See --help\.$/);
  });

  it('leave no word over that nobody reads', () => {
    expect(() => refuseWords(parseFlags(['hello'], []))).toThrow("This command takes no 'hello'.");
  });
});
