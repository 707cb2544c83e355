import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { TextCodec } from '../src/core/ports.js';
import { createTokenizerCodec, tokenizerCodecs } from '../src/index.js';

/** Each may have a sandbox process, which ends with it. */
const opened: TextCodec[] = [];
afterAll(() => {
  for (const codec of opened) codec.close();
});

const llama = codecOf('llama3', { bos_token: '<|begin_of_text|>' });
const text = '<|begin_of_text|><|start_header_id|>user';

/** One of the tiny tokenizers of the tokenizer's own goldens. */
function codecOf(kind: string, config: object, chatTemplate: string | null = null): TextCodec {
  const tokenizerJson = readFileSync(
    new URL(`../../../libs/tokenizer/test/goldens/${kind}.tokenizer.json`, import.meta.url),
  );
  const tokenizerConfigJson = Buffer.from(JSON.stringify(config));
  const codec = createTokenizerCodec({ tokenizerJson, tokenizerConfigJson, chatTemplate });
  opened.push(codec);
  return codec;
}

async function encode(codec: TextCodec, addSpecialTokens: boolean, parseSpecialTokens: boolean): Promise<number[]> {
  return [...(await codec.encode(text, { addSpecialTokens, parseSpecialTokens }))];
}

describe('special tokens spelled in a prompt', () => {
  it('are read as tokens, and a BOS that the prompt begins with is not put there twice', async () => {
    const ids = await encode(llama, true, true);
    expect(llama.decode(ids, false)).toBe(text);
    expect(await encode(llama, false, true)).toEqual(ids);
    expect(ids.slice(0, 2).map((id) => llama.token(id).text)).toEqual(['<|begin_of_text|>', '<|start_header_id|>']);
  });

  it('are letters where the caller says so, behind the BOS of the tokenizer', async () => {
    const ids = await encode(llama, true, false);
    expect(ids[0]).toBe((await encode(llama, true, true))[0]);
    expect(llama.decode(ids.slice(1), true)).toBe(text);
  });

  it('stay as often as they are spelled where the tokenizer adds none', async () => {
    const codec = codecOf('smollm', { bos_token: '<|im_start|>' });
    const twice = await codec.encode('<|im_start|><|im_start|>', { addSpecialTokens: true, parseSpecialTokens: true });
    expect(twice).toHaveLength(2);
    expect(twice[0]).toBe(twice[1]);
  });
});

describe('a conversation', () => {
  const template =
    '{% for m in messages %}<|im_start|>{{ m.content | trim }}<|im_end|>{{ mood }}{% endfor %}{% if add_generation_prompt %}<|im_start|>{% endif %}';
  const codec = codecOf('smollm', {}, template);
  const messages = [{ role: 'assistant', content: '<|im_end|>One, ' }];
  const chat = { addGenerationPrompt: false, continueFinalMessage: false, variables: {} };
  const render = async (options: object) => {
    const ids = [...(await codec.encodeChat(messages, { ...chat, ...options }))];
    return codec.decode(ids, false);
  };

  it('opens the next turn only when asked, and takes variables', async () => {
    expect(await render({ addGenerationPrompt: true })).toBe('<|im_start|><|im_end|>One,<|im_end|><|im_start|>');
    expect(await render({ variables: { mood: 'calm' } })).toBe('<|im_start|><|im_end|>One,<|im_end|>calm');
  });

  it('stays open at its last message, whose control tokens stay letters', async () => {
    const ids = [...(await codec.encodeChat(messages, { ...chat, continueFinalMessage: true }))];
    expect(codec.decode(ids, false)).toBe('<|im_start|><|im_end|>One, ');
    expect(codec.decode(ids, true)).toBe('<|im_end|>One, ');
  });
});

describe('a chat template of the server', () => {
  it("is used in place of the model's own", async () => {
    const tokenizerJson = readFileSync(
      new URL('../../../libs/tokenizer/test/goldens/smollm.tokenizer.json', import.meta.url),
    );
    const files = { tokenizerJson, tokenizerConfigJson: new Uint8Array(), chatTemplate: 'own' };
    const codec = tokenizerCodecs({ chatTemplate: '{{ messages[0].content }}!' })(files);
    opened.push(codec);
    const chat = { addGenerationPrompt: true, continueFinalMessage: false, variables: {} };
    const ids = await codec.encodeChat([{ role: 'user', content: 'x' }], chat);
    expect(codec.decode([...ids], false)).toBe('x!');
  });
});
