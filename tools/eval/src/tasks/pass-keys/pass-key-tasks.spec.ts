import { describe, expect, it } from '@jest/globals';
import { needleCodec } from '../../prompt/needle-codec.js';
import { passKeyTasks } from './pass-key-tasks.js';

const codec = needleCodec();

describe.each(passKeyTasks.map((task) => [task.name, task] as const))('%s', (name, task) => {
  it('fits the length and has the fact that is asked for once, among as many as it is called', () => {
    for (let index = 0; index < 3; index++) {
      const { prompt, tokenIds, references, answerTokens } = task.sample({ seed: 1, length: 2048, index }, codec);
      expect(tokenIds.length + answerTokens).toBeLessThanOrEqual(2048);
      expect(tokenIds.length + answerTokens).toBeGreaterThan(2048 - 40);
      const asked = /What is the pass key of (\w+)\?$/.exec(prompt.text)?.[1] ?? '';
      expect(prompt.text.split(`the pass key of ${asked} is ${references[0] ?? ''}.`)).toHaveLength(2);
      expect(prompt.text.match(/Remember: /g)).toHaveLength(Number(name.split('_').at(-1)));
    }
  });

  it('is the same for the same place and another for another', () => {
    const text = (index: number) => task.sample({ seed: 1, length: 512, index }, codec).prompt.text;
    expect(text(0)).toBe(text(0));
    expect(text(1)).not.toBe(text(0));
  });
});
