import type { ChatMessage, ChatOptions, TextCodec, TokenPlaces } from '../../src/core/ports.js';

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
    decodeSlices: (tokenIds, skipSpecial) => [codec.decode(tokenIds, skipSpecial)],
    token: (tokenId) => {
      const bytes = tokenId < 256 ? Uint8Array.of(tokenId) : new Uint8Array();
      return { text: Buffer.from(bytes).toString('utf8'), bytes, isSpecial: tokenId > 256 };
    },
    places: () => new BytePlaces(),
    close: () => undefined,
  };
  return codec;
}

class BytePlaces implements TokenPlaces {
  #bytes: number[] = [];

  push(tokenId: number): number {
    const isPart = tokenId >= 0x80 && tokenId < 0xc0;
    const before = [...Buffer.from(this.#bytes).toString('utf8')].length - (isPart ? 1 : 0);
    if (tokenId < 256) this.#bytes.push(tokenId);
    return before;
  }
}

/** The prompt that the codec makes of a conversation. */
export function renderChat(messages: readonly ChatMessage[]): string {
  return `${messages.map(({ role, content }) => `${role}: ${content}\n`).join('')}assistant:`;
}
