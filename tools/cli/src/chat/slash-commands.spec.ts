import { describe, expect, it } from '@jest/globals';
import { Conversation } from './conversation.js';
import { slashCommand } from './slash-commands.js';

const fresh = () => new Conversation({ system: undefined, temperature: undefined });

function say(turn: string, conversation = fresh()) {
  return slashCommand(turn, { conversation, model: 'm', url: 'http://u' });
}

describe('a turn that begins with a slash', () => {
  it('is a command, never text for the model', () => {
    expect(say('/help')?.text).toContain('/system TEXT');
    expect(say('/model')?.text).toBe('m at http://u');
    for (const leave of ['/exit', '/quit', '/bye', ' /exit ']) expect(say(leave)?.leaves).toBe(true);
  });

  it('that is no command is told, with the one that was probably meant', () => {
    expect(say('/hepl')?.text).toMatch(/^There is no command \/hepl\. Did you mean \/help\?/);
    expect(say('/constructor')?.text).toMatch(/^There is no command/);
  });

  it.each(['/usr/bin is what?', '// a comment', 'a /help', '1/2', '/help\nsecond line'])('is text: %j', (turn) => {
    expect(say(turn)).toBeNull();
  });

  it('changes what the next request says', () => {
    const conversation = fresh();
    conversation.keep('q', 'a');
    say('/system Be brief.', conversation);
    expect(conversation.asking('x').map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user']);
    say('/clear', conversation);
    say('/system', conversation);
    expect(conversation.asking('x')).toEqual([{ role: 'user', content: 'x' }]);
    say('/temperature 0.5', conversation);
    expect(conversation.temperature).toBe(0.5);
    expect(say('/temperature hot', conversation)?.text).toContain('from 0 to 2');
    expect(conversation.temperature).toBe(0.5);
  });
});
