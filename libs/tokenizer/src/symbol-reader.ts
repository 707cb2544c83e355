import type { BpeModel } from './bpe-model.js';
import { BYTE_TO_CHAR } from './byte-level.js';
import { IdBuffer } from './id-buffer.js';

const utf8 = new TextEncoder();
const MAX_SCRATCH_UNITS = 64;
const scratch = new Uint8Array(MAX_SCRATCH_UNITS * 3);
const CHUNK_UNITS = 16_384;

/** UTF-8 of a piece; for a short one a view that the next call overwrites, which saves most of the cost. */
function utf8Bytes(piece: string): Uint8Array {
  if (piece.length > MAX_SCRATCH_UNITS) return utf8.encode(piece);
  return scratch.subarray(0, utf8.encodeInto(piece, scratch).written);
}

/** What has been read of one piece. An unknown symbol waits for the next one, which it may be fused with. */
interface Reading {
  out: IdBuffer;
  unknown: boolean;
}

/** Cuts a piece into the model's smallest tokens, before any merge. */
export class SymbolReader {
  readonly #model: BpeModel;
  readonly #byteIds: Int32Array;
  readonly #charIds = new Map<string, number>();

  constructor(model: BpeModel) {
    this.#model = model;
    for (const [token, id] of model.vocab) {
      const pair = token.length === 2 && (token.codePointAt(0) ?? 0) > 0xffff;
      if (token.length === 1 || pair) this.#charIds.set(token, id);
    }
    this.#byteIds = Int32Array.from(BYTE_TO_CHAR, (char) => this.#charIds.get(char) ?? -1);
  }

  read(piece: string): Int32Array {
    const reading: Reading = { out: new IdBuffer(), unknown: false };
    this.#feed(piece, reading);
    return this.#end(reading);
  }

  /** `read` for a piece of any length, with pauses. */
  *readLong(piece: string): Generator<void, Int32Array> {
    const reading: Reading = { out: new IdBuffer(), unknown: false };
    for (let start = 0; start < piece.length;) {
      let end = Math.min(start + CHUNK_UNITS, piece.length);
      if ((piece.codePointAt(end - 1) ?? 0) > 0xffff) end++;
      this.#feed(piece.slice(start, end), reading);
      start = end;
      yield;
    }
    return this.#end(reading);
  }

  #feed(text: string, reading: Reading): void {
    if (this.#model.byteAlphabet) this.#feedBytes(text, reading);
    else this.#feedChars(text, reading);
  }

  #feedBytes(text: string, reading: Reading): void {
    for (const byte of utf8Bytes(text)) {
      const id = this.#byteIds[byte] ?? -1;
      if (id < 0) this.#unknown(reading);
      else this.#known(id, reading);
    }
  }

  #feedChars(text: string, reading: Reading): void {
    for (const char of text) {
      const id = this.#charIds.get(char);
      if (id !== undefined) this.#known(id, reading);
      else if (!this.#pushBytes(char, reading.out)) this.#unknown(reading);
    }
  }

  #known(id: number, reading: Reading): void {
    if (reading.unknown) this.#flush(reading);
    reading.out.push(id);
  }

  #unknown(reading: Reading): void {
    if (!this.#model.fuseUnk) this.#flush(reading);
    reading.unknown = true;
  }

  /** The unknown token for what waited, or nothing where the model has none. */
  #flush(reading: Reading): void {
    if (reading.unknown && this.#model.unkId !== null) reading.out.push(this.#model.unkId);
    reading.unknown = false;
  }

  #end(reading: Reading): Int32Array {
    this.#flush(reading);
    return reading.out.toArray();
  }

  #pushBytes(char: string, out: IdBuffer): boolean {
    const { byteTokens } = this.#model;
    if (byteTokens === null) return false;
    const bytes = utf8Bytes(char);
    for (const byte of bytes) if ((byteTokens[byte] ?? -1) < 0) return false;
    for (const byte of bytes) out.push(byteTokens[byte] ?? -1);
    return true;
  }
}
