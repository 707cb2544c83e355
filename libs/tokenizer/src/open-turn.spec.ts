import { describe, expect, it } from '@jest/globals';
import { openLastTurn } from './index.js';

const user = { role: 'user', content: 'Count.' };

/** As a template that trims messages and ends every turn. */
function render(messages: readonly { role: string; content?: unknown }[]) {
  const text = messages.map(({ role, content }) => `[${role}]${String(content).trim()}[end]`).join('');
  return { text, literalOffsets: Int32Array.from(text.matchAll(/</gu), ({ index }) => index) };
}

describe('the last turn left open', () => {
  it('ends the prompt with the last message, its trailing white space included', () => {
    const turn = openLastTurn([user, { role: 'assistant', content: 'One, ' }]);
    expect(turn.cut(render(turn.messages)).text).toBe('[user]Count.[end][assistant]One, ');
  });

  it('keeps the places of literals, and finds another mark where a message has the first one', () => {
    const turn = openLastTurn([
      { role: 'user', content: '\ufdd0<' },
      { role: 'assistant', content: '<\ufdd1' },
    ]);
    const text = '[user]\ufdd0<[end][assistant]<\ufdd1';
    expect(turn.cut(render(turn.messages))).toEqual({ text, literalOffsets: Int32Array.from([7, 24]) });
  });

  it('refuses a conversation without a text at its end', () => {
    for (const messages of [[], [user, { role: 'assistant' }]]) {
      expect(() => openLastTurn(messages)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', field: 'messages' }),
      );
    }
  });

  it('refuses a template that leaves the last message out', () => {
    const turn = openLastTurn([user, { role: 'assistant', content: 'x' }]);
    expect(() => turn.cut(render(turn.messages.slice(0, 1)))).toThrow(
      expect.objectContaining({ reason: 'CHAT_TEMPLATE_FAILED', field: 'messages' }),
    );
  });
});
