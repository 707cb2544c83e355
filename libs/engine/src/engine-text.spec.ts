import { describe, expect, it } from '@jest/globals';
import type { StopParams } from '@longhaul/inference';
import type { Detokenize } from './ports.js';
import {
  collect,
  EOS,
  expectedTokens,
  harness,
  leaks,
  pieceOf,
  prompt,
  request,
  type Overrides,
} from './testing/fixtures.js';

/** The text of the first tokens that the model gives after a prompt of this seed. */
function plainText(seed: number): { tokens: number[]; text: string } {
  const tokens = expectedTokens(request({ promptTokenIds: prompt(20, seed), maxTokens: 30 }));
  return { tokens, text: tokens.map(pieceOf).join('') };
}

describe('a stop string', () => {
  it('that is cut by two tokens is found and left out', async () => {
    const { text } = plainText(1);
    const { engine } = harness();
    // Letters 9 to 12 of two-letter tokens: begins and ends inside a token.
    const stop = text.slice(9, 12);
    const asked = request({ promptTokenIds: prompt(20, 1), maxTokens: 30, stop: { strings: ['zzzz', stop] } });
    const { choices, done } = await collect(engine.submit(asked));
    const end = text.indexOf(stop);
    expect(choices[0]).toMatchObject({ text: text.slice(0, end), reason: 'stop', stopString: stop });
    expect(done?.usage.completionTokens).toBe(choices[0]?.tokens.length);
    expect(leaks(engine)).toEqual([]);
  });

  it('is part of the text when asked for', async () => {
    const { text } = plainText(2);
    const { engine } = harness();
    const stop = text.slice(9, 12);
    const asked = request({
      promptTokenIds: prompt(20, 2),
      maxTokens: 30,
      stop: { strings: [stop], includeStopString: true },
    });
    const { choices } = await collect(engine.submit(asked));
    expect(choices[0]?.text).toBe(text.slice(0, text.indexOf(stop) + 3));
  });

  it('that only begins is sent at the end', async () => {
    const { text } = plainText(3);
    const { engine } = harness();
    const asked = request({ promptTokenIds: prompt(20, 3), maxTokens: 30, stop: { strings: [`${text.slice(-3)}!`] } });
    const { choices } = await collect(engine.submit(asked));
    expect(choices[0]).toMatchObject({ text, reason: 'length', stopString: null });
  });
});

describe('an end token', () => {
  it('ends the choice; it is counted and reported but is no text', async () => {
    const { engine } = harness();
    const { tokens, text } = plainText(4);
    const end = tokens[6] as number;
    const first = tokens.indexOf(end);
    const asked = request({ promptTokenIds: prompt(20, 4), maxTokens: 30, stop: { tokenIds: [end] } });
    const { choices, done } = await collect(engine.submit(asked));
    expect(choices[0]).toMatchObject({
      tokens: tokens.slice(0, first + 1),
      text: text.slice(0, 2 * first),
      reason: 'stop',
    });
    expect(done?.usage.completionTokens).toBe(first + 1);
  });

  it('of the model ends the choice unless ignored', async () => {
    const always = { sampling: { logitBias: new Map([[EOS, 100]]) }, maxTokens: 5 };
    const { engine } = harness();
    const ended = await collect(engine.submit(request({ ...always, stop: { ignoreEos: false } })));
    const ignored = await collect(engine.submit(request({ ...always, stop: { ignoreEos: true } })));
    expect(ended.choices[0]).toMatchObject({ tokens: [EOS], text: '', reason: 'stop' });
    expect(ignored.choices[0]).toMatchObject({ tokens: [EOS, EOS, EOS, EOS, EOS], reason: 'length' });
  });

  it('is not drawn before the minimum', async () => {
    const { engine } = harness();
    const asked = request({
      maxTokens: 10,
      sampling: { logitBias: new Map([[EOS, 100]]) },
      stop: { ignoreEos: false, minTokens: 4 },
    });
    const { choices } = await collect(engine.submit(asked));
    expect(choices[0]?.tokens.length).toBe(5);
    expect(choices[0]?.tokens.indexOf(EOS)).toBe(4);
  });
});

describe('a stop string that is a special token', () => {
  const SPECIAL = '<|end|>';
  const detokenize: Detokenize = {
    open: ({ includeSpecial }) => ({
      push: (token) => (token === EOS ? (includeSpecial ? SPECIAL : '') : pieceOf(token)),
      finish: () => '',
    }),
  };
  /** Some tokens, then the end token. */
  const ending = { maxTokens: 10, sampling: { logitBias: new Map([[EOS, 100]]) } };

  async function textOf(asked: Overrides & { stop: Partial<StopParams> }) {
    const { engine } = harness({}, { detokenize });
    const stop = { minTokens: 4, ...asked.stop };
    const { choices } = await collect(engine.submit(request({ ...ending, ...asked, stop })));
    expect(leaks(engine)).toEqual([]);
    return { ...choices[0], before: choices[0]?.tokens.slice(0, -1).map(pieceOf).join('') ?? '' };
  }

  it.each([true, false])('matches whether it is the end token or is gone past: ignore_eos %s', async (ignoreEos) => {
    for (const includeSpecialTokens of [true, false]) {
      const hidden = await textOf({ includeSpecialTokens, stop: { strings: [SPECIAL], ignoreEos } });
      expect(hidden).toMatchObject({ text: hidden.before, reason: 'stop', stopString: SPECIAL });
      const shown = await textOf({
        includeSpecialTokens,
        stop: { strings: [SPECIAL], ignoreEos, includeStopString: true },
      });
      expect(shown).toMatchObject({ text: shown.before + SPECIAL, reason: 'stop', stopString: SPECIAL });
      expect(shown.tokens).toHaveLength(5);
    }
  });

  it.each([true, false])('may begin in the text before: ignore_eos %s', async (ignoreEos) => {
    const { before } = await textOf({ stop: { ignoreEos: false } });
    const stop = before.slice(-1) + SPECIAL;
    for (const includeSpecialTokens of [true, false]) {
      const cut = await textOf({ includeSpecialTokens, stop: { strings: [stop], ignoreEos } });
      expect(cut).toMatchObject({ text: before.slice(0, -1), reason: 'stop', stopString: stop });
    }
  });

  it('leaves an end token out of the text that completes no stop string', async () => {
    for (const includeSpecialTokens of [true, false]) {
      const ended = await textOf({ includeSpecialTokens, stop: { strings: ['<|en!'], ignoreEos: false } });
      expect(ended).toMatchObject({ text: ended.before, reason: 'stop', stopString: null });
    }
  });
});

describe('log-probabilities', () => {
  it('come one per token, headed by the greedy choice', async () => {
    const { engine } = harness();
    const { choices } = await collect(engine.submit(request({ logprobs: 3, n: 2 })));
    for (const { tokens, logprobs } of choices) {
      expect(logprobs.map(({ tokenId }) => tokenId)).toEqual(tokens);
      for (const { tokenId, logprob, top } of logprobs) {
        expect(top.length).toBe(3);
        expect(top[0]).toEqual({ tokenId, logprob });
        expect(logprob).toBeLessThanOrEqual(0);
      }
    }
  });

  it('of the prompt do not depend on how it is cut into chunks', async () => {
    const asked = request({ promptTokenIds: prompt(75, 3), promptLogprobs: 2, maxTokens: 2 });
    const runs = await Promise.all(
      [1000, 33, 16, 5, 1].map((maxScoreRows) => collect(harness({ maxScoreRows }).engine.submit(asked))),
    );
    const first = runs[0]?.prompt?.promptLogprobs;
    expect(first?.[0]).toBeNull();
    expect(first?.slice(1).map((entry) => entry?.tokenId)).toEqual([...asked.promptTokenIds.subarray(1)]);
    for (const run of runs) expect(run.prompt?.promptLogprobs).toEqual(first);
  });

  it('of the prompt are bounded in rows per step', async () => {
    const { engine, runner } = harness({ maxScoreRows: 10 });
    const streams = [1, 2, 3].map((seed) =>
      collect(engine.submit(request({ promptTokenIds: prompt(40, seed), promptLogprobs: 0, maxTokens: 2 }))),
    );
    await Promise.all(streams);
    expect(Math.max(...runner.steps.map(({ scores }) => scores.length))).toBeLessThanOrEqual(10);
  });

  it('of the prompt survive a preemption', async () => {
    const asked = [1, 2].map((seed) =>
      request({ promptTokenIds: prompt(60, seed), promptLogprobs: 1, maxTokens: 60, stop: { ignoreEos: true } }),
    );
    const alone = await Promise.all(asked.map((r) => collect(harness().engine.submit(r))));
    const { engine } = harness({ pages: 9, maxScoreRows: 7 });
    const together = await Promise.all(asked.map((r) => collect(engine.submit(r))));
    expect(together.map(({ prompt: event }) => event)).toEqual(alone.map(({ prompt: event }) => event));
    expect(together.map(({ choices }) => choices)).toEqual(alone.map(({ choices }) => choices));
  });
});
