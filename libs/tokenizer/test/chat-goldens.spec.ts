import { describe, expect, it } from '@jest/globals';
import { createChatTemplate, createTokenizer, encodePrompt, type ChatMessage } from '../src/index.js';
import { goldenFile, tokenizerFiles, type Kind } from './files.js';

interface Conversation {
  messages: ChatMessage[];
  addGenerationPrompt?: boolean;
  tools?: unknown[];
  variables?: Record<string, unknown>;
}

interface Golden {
  kind: Kind;
  bos_token: string | null;
  eos_token: string | null;
  cases: Record<string, { text: string; ids: number[] } | { refused: string }>;
}

const utf8 = new TextDecoder();
const conversations: Record<string, Conversation> = JSON.parse(utf8.decode(goldenFile('chat/conversations.json')));
const goldens: Record<string, Golden> = JSON.parse(utf8.decode(goldenFile('chat/goldens.json')));
const cases = Object.entries(goldens).flatMap(([template, golden]) =>
  Object.keys(conversations).map((name) => ({ template, name, golden })),
);
const now = new Date(2024, 6, 26, 12);

describe('goldens of apply_chat_template', () => {
  it.each(cases)('$template renders and encodes $name the same', async ({ template, name, golden }) => {
    const tokenizer = createTokenizer(tokenizerFiles(golden.kind));
    const { bos_token, eos_token } = golden;
    const config = new TextEncoder().encode(JSON.stringify({ ...(bos_token && { bos_token }), eos_token }));
    const source = utf8.decode(goldenFile(`chat/${template}.jinja`));
    const chat = createChatTemplate({ tokenizerConfigJson: config, chatTemplate: source }, tokenizer);
    const { messages, ...options } = conversations[name] ?? { messages: [] };
    const expected = golden.cases[name] ?? { refused: '' };
    if ('refused' in expected) {
      expect(() => chat.prompt(messages, { ...options, now })).toThrow(expected.refused);
      return;
    }
    const prompt = chat.prompt(messages, { ...options, now });
    expect(prompt.text).toBe(expected.text);
    expect([...(await encodePrompt(tokenizer, prompt))]).toEqual(expected.ids);
  });
});
