import { describe, expect, it } from '@jest/globals';
import { collect, expectedTokens, harness, leaks, pieceOf, prompt, request } from './testing/fixtures.js';

describe('a request alone', () => {
  it('gives the tokens of the model, their text, and one event of each kind', async () => {
    const { engine } = harness();
    const asked = request({ promptTokenIds: prompt(100, 3), maxTokens: 50 });
    const { choices, prompt: event, done } = await collect(engine.submit(asked));
    const tokens = expectedTokens(asked);
    expect(choices).toEqual([
      { tokens, text: tokens.map(pieceOf).join(''), logprobs: [], reason: 'length', stopString: null },
    ]);
    expect(event).toEqual({ kind: 'prompt', cachedTokens: 0, promptLogprobs: null });
    expect(done?.usage).toEqual({ promptTokens: 100, cachedTokens: 0, completionTokens: 50 });
    expect(leaks(engine)).toEqual([]);
  });
});
