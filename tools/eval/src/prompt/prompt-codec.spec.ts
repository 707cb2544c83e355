import { describe, expect, it } from '@jest/globals';
import { needleCodec } from './needle-codec.js';

const PROMPT = { text: 'What is the pass key of Banor?', answerPrefix: 'The pass key of Banor is' };

describe('PromptCodec', () => {
  it("puts the beginning of the answer into the assistant's turn and leaves the turn open", () => {
    const codec = needleCodec();
    expect(codec.form).toBe('chat');
    const text = [...codec.encode(PROMPT)].map((id) => codec.name(id)).join('');
    expect(text).toBe(
      '<|bos|><|user|>What is the pass key of Banor?<|end|><|assistant|>The pass key of Banor is'.replaceAll(' ', 'Ġ'),
    );
  });

  it('opens a turn for an answer that has no beginning', () => {
    const codec = needleCodec();
    const ids = codec.encode({ ...PROMPT, answerPrefix: '' });
    expect(codec.name(ids.at(-1) ?? 0)).toBe('<|assistant|>');
  });

  it('writes prompts as they are in the plain form, and where a task says so', () => {
    const expected = `${PROMPT.text}\n${PROMPT.answerPrefix}`;
    expect(needleCodec('plain').text(needleCodec('plain').encode(PROMPT))).toBe(expected);
    expect(needleCodec().text(needleCodec().encode({ ...PROMPT, plain: true }))).toBe(expected);
  });

  it('does not read control tokens that a text spells', () => {
    const codec = needleCodec();
    const names = [...codec.encode({ text: 'a <|end|> b', answerPrefix: '' })].map((id) => codec.name(id));
    expect(names.filter((name) => name === '<|end|>')).toHaveLength(1);
  });
});
