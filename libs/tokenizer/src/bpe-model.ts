import { badFile, objectAt, unsupported, type JsonObject } from './json.js';
import { MergeTable } from './merge-table.js';
import { toByteAlphabet } from './byte-level.js';

/** A BPE model of a tokenizer.json, ready to merge. */
export interface BpeModel {
  readonly vocab: ReadonlyMap<string, number>;
  readonly merges: MergeTable;
  /** Ids of `<0x00>` … `<0xFF>`, -1 where missing; null without byte fallback. */
  readonly byteTokens: Int32Array | null;
  readonly unkId: number | null;
  readonly fuseUnk: boolean;
  /** A piece that is a token as a whole is taken as it is. */
  readonly ignoreMerges: boolean;
  /** Length of the longest token, in UTF-16 units. */
  readonly longestToken: number;
  /** Pieces are read as bytes in GPT-2's alphabet rather than as characters. */
  readonly byteAlphabet: boolean;
}

function mergePair(value: unknown, index: number): readonly [string, string] {
  const parts: unknown[] = typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : [];
  const [left, right] = parts;
  if (parts.length !== 2 || typeof left !== 'string' || typeof right !== 'string') {
    throw badFile('tokenizer.json', `model.merges[${index}] is not a pair of tokens.`);
  }
  return [left, right];
}

function readMerges(value: unknown, vocab: ReadonlyMap<string, number>): MergeTable {
  if (!Array.isArray(value)) throw badFile('tokenizer.json', 'model.merges is not an array.');
  if (value.length >= 1 << 24) throw badFile('tokenizer.json', 'model.merges has more than 16777215 entries.');
  const table = new MergeTable(value.length);
  value.forEach((item: unknown, rank) => {
    const [leftToken, rightToken] = mergePair(item, rank);
    const left = vocab.get(leftToken);
    const right = vocab.get(rightToken);
    const id = vocab.get(leftToken + rightToken);
    if (left === undefined || right === undefined || id === undefined) {
      throw badFile('tokenizer.json', `model.merges[${rank}] names a token that model.vocab does not have.`);
    }
    table.set(left, right, { rank, id });
  });
  return table;
}

function byteTokenIds(vocab: ReadonlyMap<string, number>): Int32Array {
  const name = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
  return Int32Array.from({ length: 256 }, (_, byte) => vocab.get(name(byte)) ?? -1);
}

function rejectUnsupported(spec: JsonObject): void {
  if (spec['type'] !== undefined && spec['type'] !== 'BPE') {
    throw unsupported(`model ${String(spec['type'])} is not supported.`);
  }
  for (const key of ['continuing_subword_prefix', 'end_of_word_suffix', 'dropout']) {
    const value = spec[key];
    if (value !== undefined && value !== null && value !== '' && value !== 0) {
      throw unsupported(`model.${key} is not supported.`);
    }
  }
}

/** Reads `model` of a tokenizer.json. `byteAlphabet`: a ByteLevel step comes before it. */
export function readBpeModel(root: JsonObject, vocab: ReadonlyMap<string, number>, byteAlphabet: boolean): BpeModel {
  const spec = objectAt(root['model'], 'model');
  rejectUnsupported(spec);
  const unk = spec['unk_token'];
  let longestToken = 0;
  for (const token of vocab.keys()) longestToken = Math.max(longestToken, token.length);
  return {
    vocab,
    merges: readMerges(spec['merges'], vocab),
    byteTokens: spec['byte_fallback'] === true ? byteTokenIds(vocab) : null,
    unkId: typeof unk === 'string' ? (vocab.get(unk) ?? null) : null,
    fuseUnk: spec['fuse_unk'] === true,
    ignoreMerges: spec['ignore_merges'] === true,
    longestToken,
    byteAlphabet,
  };
}

const utf8 = new TextEncoder();
const MAX_SCRATCH_UNITS = 64;
const scratch = new Uint8Array(MAX_SCRATCH_UNITS * 3);

/** UTF-8 of a piece; for a short one a view that the next call overwrites, which saves most of the cost. */
function utf8Bytes(piece: string): Uint8Array {
  if (piece.length > MAX_SCRATCH_UNITS) return utf8.encode(piece);
  return scratch.subarray(0, utf8.encodeInto(piece, scratch).written);
}

/** Cuts a piece into the model's smallest tokens, before any merge. */
export class SymbolReader {
  readonly #model: BpeModel;
  readonly #byteIds: Int32Array;
  readonly #charIds = new Map<string, number>();

  constructor(model: BpeModel) {
    this.#model = model;
    for (const [token, id] of model.vocab) {
      if (token.length === 1 || (token.length === 2 && (token.codePointAt(0) ?? 0) > 0xffff))
        this.#charIds.set(token, id);
    }
    this.#byteIds = Int32Array.from(
      { length: 256 },
      (_, b) => this.#charIds.get(toByteAlphabet(Uint8Array.of(b))) ?? -1,
    );
  }

  read(piece: string): Int32Array {
    return this.#model.byteAlphabet ? this.#readBytes(piece) : this.#readChars(piece);
  }

  #readBytes(piece: string): Int32Array {
    const bytes = utf8Bytes(piece);
    const ids = new Int32Array(bytes.length);
    for (let i = 0; i < ids.length; i++) ids[i] = this.#byteIds[bytes[i] ?? 0] ?? -1;
    return ids.includes(-1) ? this.#withUnknown(ids) : ids;
  }

  /** A byte without a token: the unknown token, or nothing where the model has none. */
  #withUnknown(ids: Int32Array): Int32Array {
    const { unkId, fuseUnk } = this.#model;
    const unknown = (i: number): boolean => ids[i] === -1;
    return ids
      .filter((_, i) => !unknown(i) || (unkId !== null && !(fuseUnk && i > 0 && unknown(i - 1))))
      .map((id) => (id === -1 ? (unkId ?? -1) : id));
  }

  #readChars(piece: string): Int32Array {
    const out: number[] = [];
    let unknown = false;
    const flush = (): void => {
      if (unknown && this.#model.unkId !== null) out.push(this.#model.unkId);
      unknown = false;
    };
    for (const char of piece) {
      const id = this.#charIds.get(char);
      if (id !== undefined) {
        flush();
        out.push(id);
      } else if (!this.#pushBytes(char, out)) {
        if (!this.#model.fuseUnk) flush();
        unknown = true;
      }
    }
    flush();
    return Int32Array.from(out);
  }

  #pushBytes(char: string, out: number[]): boolean {
    const { byteTokens } = this.#model;
    if (byteTokens === null) return false;
    const bytes = utf8Bytes(char);
    for (const byte of bytes) if ((byteTokens[byte] ?? -1) < 0) return false;
    for (const byte of bytes) out.push(byteTokens[byte] ?? -1);
    return true;
  }
}
