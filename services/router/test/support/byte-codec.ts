import type { ChatMessage, TextCodec } from '../../src/core/ports.js';

/** One token per UTF-8 byte; a conversation is its messages in lines. */
export function createByteCodec(): TextCodec {
  const encode = (text: string) => Promise.resolve(Int32Array.from(Buffer.from(text)));
  return {
    encode,
    encodeChat: (messages) => encode(renderChat(messages)),
    decode: (tokenIds) => Buffer.from(tokenIds.filter((id) => id < 256)).toString('utf8'),
    token: (tokenId) => {
      const bytes = tokenId < 256 ? Uint8Array.of(tokenId) : new Uint8Array();
      return { text: Buffer.from(bytes).toString('utf8'), bytes };
    },
  };
}

/** The prompt that the codec makes of a conversation. */
export function renderChat(messages: readonly ChatMessage[]): string {
  return `${messages.map(({ role, content }) => `${role}: ${content}\n`).join('')}assistant:`;
}
