import { PassThrough } from 'node:stream';
import { createInterface } from 'node:readline';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { readTurns } from './read-turns.js';

/** A terminal, or a pipe, into which the test types. */
function source(interactive: boolean) {
  const input = new PassThrough();
  const shown = new PassThrough();
  shown.resume();
  const terminal = createInterface({ input, output: shown, terminal: interactive });
  let open = true;
  terminal.once('close', () => (open = false));
  // A paste comes in one piece; whoever types presses Enter much later than this.
  const settle = async () => {
    for (let count = 0; count < 5; count++) await turn();
  };
  const turns = readTurns(terminal, { interactive, isOpen: () => open, settle });
  return { input, turns };
}

async function all(turns: AsyncGenerator<string, void>): Promise<string[]> {
  const read: string[] = [];
  for await (const one of turns) read.push(one);
  return read;
}

describe('turns on a terminal', () => {
  it('are one when their lines are pasted at once', async () => {
    const { input, turns } = source(true);
    input.write('first\nsecond\n\nthird\n');
    expect((await turns.next()).value).toBe('first\nsecond\n\nthird');
    input.write('another question\n');
    expect((await turns.next()).value).toBe('another question');
    input.end();
    expect(await turns.next()).toEqual({ done: true, value: undefined });
  });

  it('wait for Enter when the paste ends within a line', async () => {
    const { input, turns } = source(true);
    input.write('first\nsecond\nand a half');
    const next = turns.next();
    for (let count = 0; count < 20; count++) await turn();
    input.write(' line\n');
    expect((await next).value).toBe('first\nsecond\nand a half line');
    input.end();
  });
});

describe('turns from a pipe', () => {
  it('are lines, none of which is lost', async () => {
    const { input, turns } = source(false);
    const read = all(turns);
    input.end(Array.from({ length: 5000 }, (_, index) => `line ${index}\n`).join(''));
    expect(await read).toEqual(Array.from({ length: 5000 }, (_, index) => `line ${index}`));
  });

  it.each([
    ['"""\none\n\ntwo\n"""\nnext\n', ['one\n\ntwo', 'next']],
    ['"""one\ntwo"""\n', ['one\ntwo']],
    ['"""one"""\n', ['one']],
    ['"""\nnever ended', ['never ended']],
  ])('are texts of several lines between three quotes: %j', async (text, expected) => {
    const { input, turns } = source(false);
    input.end(text);
    expect(await all(turns)).toEqual(expected);
  });
});
