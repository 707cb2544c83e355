import type { TokenizerFiles } from '@longhaul/inference';
import {
  createChatTemplate,
  createTokenizer,
  encodePrompt,
  openLastTurn,
  TokenPlaces,
  type Tokenizer,
} from '@longhaul/tokenizer';
import type { CodecFactory, TextCodec, TextOptions } from '../../core/ports.js';
import { loadChatTemplate } from './load-chat-template.js';

/**
 * The codecs of a router, with the chat template that its configuration names in place of the models' own.
 *
 * @throws AppError `CHAT_TEMPLATE_UNREADABLE` or `UNSUPPORTED_CHAT_TEMPLATE`, at once and not with the first request.
 */
export function tokenizerCodecs({ chatTemplate }: { chatTemplate?: string | undefined }): CodecFactory {
  const override = chatTemplate === undefined ? null : loadChatTemplate(chatTemplate);
  return (files) => createTokenizerCodec(files, override);
}

/**
 * The codec of a model's own tokenizer and chat template. Control tokens that users spell in their messages stay plain
 * text; only the template itself can write them.
 */
export function createTokenizerCodec(files: TokenizerFiles, chatTemplate: string | null = null): TextCodec {
  const tokenizer = createTokenizer(files);
  const template = createChatTemplate(chatTemplate === null ? files : { ...files, chatTemplate }, tokenizer);
  const framesWithBos = addsBos(tokenizer);
  return {
    encode: async (text, options, signal) => {
      const tokenIds = await tokenizer.encodeAsync(text, encodeOptions(options, signal));
      const twice = framesWithBos && options.addSpecialTokens && beginsTwiceWith(tokenizer.bosTokenId, tokenIds);
      return twice ? tokenIds.subarray(1) : tokenIds;
    },
    // Async, so that a template's refusal is a rejection like every other failure.
    encodeChat: async (messages, { addGenerationPrompt, continueFinalMessage, variables }, signal) => {
      const own = messages.map((message) => ({ ...message }));
      const turn = continueFinalMessage ? openLastTurn(own) : { messages: own, cut: undefined };
      const rendered = template.prompt(turn.messages, { addGenerationPrompt, variables });
      return encodePrompt(tokenizer, turn.cut ? turn.cut(rendered) : rendered, signal);
    },
    decode: (tokenIds, skipSpecial) => tokenizer.decode(tokenIds, { skipSpecial }),
    token: (tokenId) => ({
      text: tokenizer.tokenString(tokenId),
      bytes: tokenizer.tokenBytes(tokenId),
      isSpecial: tokenizer.isSpecial(tokenId),
    }),
    places: (options) => new TokenPlaces(tokenizer, options),
  };
}

function encodeOptions({ addSpecialTokens, parseSpecialTokens }: TextOptions, signal: AbortSignal | undefined) {
  return { addSpecialTokens, parseSpecial: parseSpecialTokens, ...(signal ? { signal } : {}) };
}

/** Whether the tokenizer puts a BOS in front of a text. */
function addsBos(tokenizer: Tokenizer): boolean {
  return tokenizer.bosTokenId !== null && tokenizer.encode('')[0] === tokenizer.bosTokenId;
}

function beginsTwiceWith(tokenId: number | null, tokenIds: Int32Array): boolean {
  return tokenIds[0] === tokenId && tokenIds[1] === tokenId;
}
