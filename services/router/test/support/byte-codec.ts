import type { ChatMessage, ChatOptions, TextCodec } from '../../src/core/ports.js';

/** What a byte codec was asked for, beside what its tokens show. */
export interface ByteCodec extends TextCodec {
  readonly textOptions: Parameters<TextCodec['encode']>[1][];
  readonly chats: { messages: readonly ChatMessage[]; options: ChatOptions }[];
}

/** One token per UTF-8 byte; a conversation is its messages in lines. */
export function createByteCodec(): ByteCodec {
  const encode = (text: string) => Promise.resolve(Int32Array.from(Buffer.from(text)));
  const codec: ByteCodec = {
    textOptions: [],
    chats: [],
    encode: (text, options) => {
      codec.textOptions.push(options);
      return encode(text);
    },
    encodeChat: (messages, options) => {
      codec.chats.push({ messages, options });
      return encode(renderChat(messages));
    },
    decode: (tokenIds) => Buffer.from(tokenIds.filter((id) => id < 256)).toString('utf8'),
    token: (tokenId) => {
      const bytes = tokenId < 256 ? Uint8Array.of(tokenId) : new Uint8Array();
      return { text: Buffer.from(bytes).toString('utf8'), bytes };
    },
  };
  return codec;
}

/** The prompt that the codec makes of a conversation. */
export function renderChat(messages: readonly ChatMessage[]): string {
  return `${messages.map(({ role, content }) => `${role}: ${content}\n`).join('')}assistant:`;
}
