/**
 * GPT-2's alphabet: every byte written as one printable character. Printable Latin-1 bytes stand for themselves, the
 * others for U+0100 and up, in order.
 */
function alphabet(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

/** Character of each byte, by byte. */
export const BYTE_TO_CHAR: readonly string[] = alphabet();

const CHAR_TO_BYTE: ReadonlyMap<string, number> = new Map(BYTE_TO_CHAR.map((char, byte) => [char, byte]));

/** The text of a piece in GPT-2's alphabet, as vocabularies spell it. */
export function toByteAlphabet(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += BYTE_TO_CHAR[byte] ?? '';
  return text;
}

/** The bytes a vocabulary entry stands for, or null when a character is not of the alphabet. */
export function fromByteAlphabet(token: string): Uint8Array | null {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = CHAR_TO_BYTE.get(token.charAt(i));
    if (byte === undefined) return null;
    bytes[i] = byte;
  }
  return bytes;
}
