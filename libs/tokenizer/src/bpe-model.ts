import { badFile, objectAt, unsupported, type JsonObject } from './json.js';
import { MergeTable } from './merge-table.js';

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
