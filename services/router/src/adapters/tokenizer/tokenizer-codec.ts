import type { TokenizerFiles } from '@longhaul/inference';
import { createChatTemplate, createTokenizer, encodePrompt } from '@longhaul/tokenizer';
import type { TextCodec } from '../../core/ports.js';

/**
 * The codec of a model's own tokenizer and chat template. Control tokens that users spell in their texts stay plain text;
 * only the template itself can write them.
 */
export function createTokenizerCodec(files: TokenizerFiles): TextCodec {
  const tokenizer = createTokenizer(files);
  const template = createChatTemplate(files, tokenizer);
  return {
    encode: (text, addSpecialTokens, signal) =>
      tokenizer.encodeAsync(text, { addSpecialTokens, ...(signal ? { signal } : {}) }),
    // Async, so that a template's refusal is a rejection like every other failure.
    encodeChat: async (messages, signal) =>
      encodePrompt(tokenizer, template.prompt(messages.map((message) => ({ ...message }))), signal),
    decode: (tokenIds, skipSpecial) => tokenizer.decode(tokenIds, { skipSpecial }),
    token: (tokenId) => ({ text: tokenizer.tokenString(tokenId), bytes: tokenizer.tokenBytes(tokenId) }),
  };
}
