const REPLACEMENT = '\ufffd';

/** Length of the character a first byte announces and the range its second byte must be in; 0 = no first byte. */
function lead(byte: number): readonly [length: number, low: number, high: number] {
  if (byte >= 0xc2 && byte <= 0xdf) return [2, 0x80, 0xbf];
  if (byte === 0xe0) return [3, 0xa0, 0xbf];
  if (byte === 0xed) return [3, 0x80, 0x9f];
  if (byte >= 0xe1 && byte <= 0xef) return [3, 0x80, 0xbf];
  if (byte === 0xf0) return [4, 0x90, 0xbf];
  if (byte >= 0xf1 && byte <= 0xf3) return [4, 0x80, 0xbf];
  if (byte === 0xf4) return [4, 0x80, 0x8f];
  return [0, 0, 0];
}

/**
 * UTF-8 decoding a few bytes at a time. Gives whole characters only and holds at most 3 bytes of an unfinished one; the
 * pieces put together are what one WHATWG decoding of all bytes gives (a byte order mark is kept).
 */
export class Utf8Stream {
  #value = 0;
  /** Bytes still missing, and the range the next one must be in. */
  #missing = 0;
  #low = 0x80;
  #high = 0xbf;

  push(bytes: Uint8Array): string {
    let text = '';
    for (const byte of bytes) text += this.#feed(byte);
    return text;
  }

  /** Whether a character is unfinished that this byte does not go on with, so that it becomes U+FFFD. */
  isCutBy(byte: number): boolean {
    return this.#missing > 0 && (byte < this.#low || byte > this.#high);
  }

  /** The end of the stream: an unfinished character is one U+FFFD. */
  finish(): string {
    const unfinished = this.#missing > 0;
    this.#missing = 0;
    return unfinished ? REPLACEMENT : '';
  }

  #feed(byte: number): string {
    if (this.#missing === 0) return this.#start(byte);
    if (byte < this.#low || byte > this.#high) {
      this.#missing = 0;
      return REPLACEMENT + this.#start(byte);
    }
    this.#low = 0x80;
    this.#high = 0xbf;
    this.#value = (this.#value << 6) | (byte & 0x3f);
    return --this.#missing === 0 ? String.fromCodePoint(this.#value) : '';
  }

  #start(byte: number): string {
    if (byte < 0x80) return String.fromCharCode(byte);
    const [length, low, high] = lead(byte);
    if (length === 0) return REPLACEMENT;
    this.#missing = length - 1;
    this.#low = low;
    this.#high = high;
    this.#value = byte & (0x7f >> length);
    return '';
  }
}
