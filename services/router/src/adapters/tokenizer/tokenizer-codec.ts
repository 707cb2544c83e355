import type { TokenizerFiles } from '@longhaul/inference';
import { createTextSandbox, type TextSandbox } from '@longhaul/text-sandbox';
import { createTokenizer, TokenPlaces, type EncodeOptions, type Tokenizer } from '@longhaul/tokenizer';
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
 * text; only the template itself can write them. The template, and a tokenizer with expressions of its own, run in a
 * sandbox; known tokenizers encode here, in slices.
 */
export function createTokenizerCodec(files: TokenizerFiles, chatTemplate: string | null = null): TextCodec {
  const tokenizer = createTokenizer(files);
  const sandbox = createTextSandbox(chatTemplate === null ? files : { ...files, chatTemplate }, tokenizer);
  const encode = textEncoder(tokenizer, sandbox);
  const framesWithBos = addsBos(tokenizer);
  return {
    encode: async (text, options, signal) => {
      const tokenIds = await encode(text, encodeOptions(options), signal);
      const twice = framesWithBos && options.addSpecialTokens && beginsTwiceWith(tokenizer.bosTokenId, tokenIds);
      return twice ? tokenIds.subarray(1) : tokenIds;
    },
    encodeChat: async (messages, options, signal) => {
      const own = messages.map((message) => ({ ...message }));
      const { text, literalOffsets } = await sandbox.prompt(own, options, signal);
      return encode(text, { addSpecialTokens: false, parseSpecial: true, literalOffsets }, signal);
    },
    decode: (tokenIds, skipSpecial) => tokenizer.decode(tokenIds, { skipSpecial }),
    token: (tokenId) => ({
      text: tokenizer.tokenString(tokenId),
      bytes: tokenizer.tokenBytes(tokenId),
      isSpecial: tokenizer.isSpecial(tokenId),
    }),
    places: (options) => new TokenPlaces(tokenizer, options),
    decodeSlices: (tokenIds, skipSpecial) => tokenizer.decodeSlices(tokenIds, { skipSpecial }),
    close: () => sandbox.close(),
  };
}

type FullEncodeOptions = Required<Pick<EncodeOptions, 'addSpecialTokens' | 'parseSpecial'>> & {
  literalOffsets?: Int32Array;
};
type Encode = (text: string, options: FullEncodeOptions, signal: AbortSignal | undefined) => Promise<Int32Array>;

function textEncoder(tokenizer: Tokenizer, sandbox: TextSandbox): Encode {
  if (tokenizer.foreignPatterns.length > 0) return (text, options, signal) => sandbox.encode(text, options, signal);
  return (text, options, signal) => tokenizer.encodeAsync(text, { ...options, ...(signal ? { signal } : {}) });
}

function encodeOptions({ addSpecialTokens, parseSpecialTokens }: TextOptions): FullEncodeOptions {
  return { addSpecialTokens, parseSpecial: parseSpecialTokens };
}

/** Whether the tokenizer puts a BOS in front of a text. */
function addsBos(tokenizer: Tokenizer): boolean {
  return tokenizer.bosTokenId !== null && tokenizer.encode('')[0] === tokenizer.bosTokenId;
}

function beginsTwiceWith(tokenId: number | null, tokenIds: Int32Array): boolean {
  return tokenIds[0] === tokenId && tokenIds[1] === tokenId;
}
