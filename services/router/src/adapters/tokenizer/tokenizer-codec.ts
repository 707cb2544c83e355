import type { TokenizerFiles } from '@longhaul/inference';
import { AppError } from '@longhaul/kernel';
import { createTokenizer } from '@longhaul/tokenizer';
import type { TextCodec } from '../../core/ports.js';

/** The codec of a model package's own tokenizer and chat template. */
export function createTokenizerCodec(files: TokenizerFiles): TextCodec {
  const tokenizer = createTokenizer(files);
  return {
    encode: (text, addSpecialTokens, signal) =>
      tokenizer.encodeAsync(text, { addSpecialTokens, ...(signal ? { signal } : {}) }),
    encodeChat() {
      throw new AppError({
        code: 'UNIMPLEMENTED',
        reason: 'CHAT_TEMPLATE_MISSING',
        message: 'The model has no chat template; use /v1/completions.',
        field: 'messages',
      });
    },
    decode: (tokenIds, skipSpecial) => tokenizer.decode(tokenIds, { skipSpecial }),
    token: (tokenId) => ({ text: tokenizer.tokenString(tokenId), bytes: tokenizer.tokenBytes(tokenId) }),
  };
}
