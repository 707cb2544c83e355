import { describe, expect, it } from '@jest/globals';
import { parseOptions } from './options.js';

describe('parseOptions', () => {
  it('has defaults, and lists with every entry once', () => {
    expect(parseOptions([])).toMatchObject({ lengths: [4096], tasks: ['ruler'], samples: 10, kvTypes: ['bf16'] });
    expect(parseOptions(['--lengths', '4096, 8192,4096', '--kv', 'bf16,int8'])).toMatchObject({
      lengths: [4096, 8192],
      kvTypes: ['bf16', 'int8'],
    });
    expect(parseOptions(['--help'])).toBeNull();
  });

  it.each([
    [['--lengths', '100'], '--lengths: 100 is no whole number from 256 to 1048576.'],
    [['--samples', '1.5'], '--samples: 1.5 is no whole number from 1 to 10000.'],
    [['--kv', 'fp4'], '--kv: fp4 is not one of'],
    [['--tasks', 'vt,'], '--tasks is a list of words with commas between them.'],
    [['--form', 'prose'], '--form: prose is not one of chat, plain.'],
    [['--bogus'], "Unknown option '--bogus'"],
  ])('refuses %j', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });
});
