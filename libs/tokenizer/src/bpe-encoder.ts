import { AppError } from '@longhaul/kernel';
import { toByteAlphabet } from './byte-level.js';
import type { BpeModel } from './bpe-model.js';
import type { IdBuffer } from './id-buffer.js';
import { MAX_PIECE_UNITS } from './limits.js';
import { mergeLong, mergeShort } from './merge.js';
import { PieceCache } from './piece-cache.js';
import { SymbolReader } from './symbol-reader.js';

const SHORT_SYMBOLS = 48;
const SPACE_MARK = '▁';
const MARKS_PER_STEP = 16_384;
const utf8 = new TextEncoder();

/**
 * UTF-16 units that some token has right before a '▁'. Between any other character and a '▁' no merge can ever reach
 * across, so a SentencePiece text, which is one piece as a whole, may be cut there without changing a single id.
 */
function unitsBeforeMark(vocab: Iterable<string>): Uint8Array {
  const units = new Uint8Array(0x10000);
  for (const token of vocab) {
    for (let at = token.indexOf(SPACE_MARK, 1); at > 0; at = token.indexOf(SPACE_MARK, at + 1)) {
      units[token.charCodeAt(at - 1)] = 1;
    }
  }
  return units;
}

function pieceTooLong(): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'TEXT_RUN_TOO_LONG',
    field: 'text',
    message: `The text has over ${MAX_PIECE_UNITS} characters without a break; at most so many are one piece.`,
    details: { max: MAX_PIECE_UNITS },
  });
}

/** Turns the pieces of a pre-tokeniser into ids. Holds a bounded cache; safe between interleaved encodes. */
export class BpeEncoder {
  readonly #model: BpeModel;
  readonly #symbols: SymbolReader;
  readonly #cache = new PieceCache();
  /** Null where a text may not be cut at '▁'. */
  readonly #joinedUnits: Uint8Array | null;

  constructor(model: BpeModel) {
    this.#model = model;
    this.#symbols = new SymbolReader(model);
    const cuttable = !model.byteAlphabet && !model.ignoreMerges && model.vocab.has(SPACE_MARK);
    this.#joinedUnits = cuttable ? unitsBeforeMark(model.vocab.keys()) : null;
  }

  /** Appends the ids of one piece; yields inside a very long one and between the cuts of one. */
  *encode(piece: string, out: IdBuffer): Generator<void, void> {
    const joined = this.#joinedUnits;
    if (joined === null) return yield* this.#encodeWhole(piece, out);
    let start = 0;
    let looked = 0;
    for (let at = piece.indexOf(SPACE_MARK, 1); at > 0; at = piece.indexOf(SPACE_MARK, at + 1)) {
      if (joined[piece.charCodeAt(at - 1)] === 1) {
        if (++looked % MARKS_PER_STEP === 0) yield;
        continue;
      }
      yield* this.#encodeWhole(piece.slice(start, at), out);
      start = at;
      yield;
    }
    yield* this.#encodeWhole(piece.slice(start), out);
  }

  /** The ids of a piece when they are at hand without waiting: cached or short. Saves a generator per piece. */
  encodeNow(piece: string, out: IdBuffer): boolean {
    const cached = this.#cache.get(piece);
    if (cached !== undefined) {
      for (const id of cached) out.push(id);
      return true;
    }
    if (piece.length > SHORT_SYMBOLS || (this.#joinedUnits !== null && piece.includes(SPACE_MARK, 1))) return false;
    return this.#encodeShort(piece, this.#symbols.read(piece), out);
  }

  *#encodeWhole(piece: string, out: IdBuffer): Generator<void, void> {
    const cached = this.#cache.get(piece);
    if (cached !== undefined) return out.pushAll(cached);
    if (piece.length > MAX_PIECE_UNITS) throw pieceTooLong();
    const symbols = yield* this.#symbols.readLong(piece);
    if (this.#encodeShort(piece, symbols, out)) return;
    const whole = this.#wholeToken(piece);
    if (whole !== undefined) return out.push(whole);
    out.pushAll(yield* mergeLong(symbols, this.#model.merges));
  }

  #encodeShort(piece: string, symbols: Int32Array, out: IdBuffer): boolean {
    if (symbols.length > SHORT_SYMBOLS) return false;
    const whole = this.#wholeToken(piece);
    const ids =
      whole === undefined
        ? Array.from(symbols.subarray(0, mergeShort(symbols, symbols.length, this.#model.merges)))
        : [whole];
    this.#cache.set(piece, ids);
    out.pushAll(ids);
    return true;
  }

  #wholeToken(piece: string): number | undefined {
    const { ignoreMerges, longestToken, byteAlphabet, vocab } = this.#model;
    if (!ignoreMerges || piece.length > longestToken) return undefined;
    return vocab.get(byteAlphabet ? toByteAlphabet(utf8.encode(piece)) : piece);
  }
}
