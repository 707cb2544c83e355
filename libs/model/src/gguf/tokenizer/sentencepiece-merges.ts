import { overLimit, shown, unsupported } from '../../checkpoint/checkpoint-errors.js';
import { TokenType, type Vocabulary } from './vocabulary.js';

/** Characters of a piece; SentencePiece makes 16 by default. The splits of a piece cost its length squared. */
const MAX_PIECE_CHARACTERS = 256;

interface Merge {
  left: string;
  right: string;
  score: number;
  leftLength: number;
  rightLength: number;
}

/**
 * Recovers the merges of a SentencePiece BPE model, which stores pieces with scores only.
 *
 * Every way to split a piece into two pieces is a merge. Pieces with a higher score come first; within one score, longer
 * left parts, then longer right parts; the rest in order of ids. This is the order in which Hugging Face's converter
 * writes them.
 *
 * @param scores one per token.
 * @throws AppError `CHECKPOINT_LIMIT` for a piece longer than 256 characters, `UNSUPPORTED_CHECKPOINT` for an unused
 * piece that text can be made of.
 */
export function sentencepieceMerges(
  vocabulary: Vocabulary,
  scores: ArrayLike<number>,
  file: string,
): [string, string][] {
  const pieces = new Map<string, number>();
  vocabulary.tokens.forEach((token, id) => {
    if (isPiece(vocabulary.types[id])) pieces.set(token, id);
  });
  const merges: Merge[] = [];
  for (const [piece, id] of pieces) {
    const splits = splitsOf(piece, { pieces, score: scores[id] ?? 0, file });
    if (vocabulary.types[id] === TokenType.unused) refuseReachable(piece, splits.length, file);
    merges.push(...splits);
  }
  // The sort is stable, so equal merges keep the order of their ids.
  merges.sort((a, b) => b.score - a.score || b.leftLength - a.leftLength || b.rightLength - a.rightLength);
  return merges.map(({ left, right }) => [left, right]);
}

/**
 * Control, unknown and byte tokens never come out of a merge, and user-defined ones neither: they are taken out of the
 * text before, so no stretch that is merged contains one.
 */
function isPiece(type: number | undefined): boolean {
  return type === TokenType.normal || type === TokenType.unused;
}

/** SentencePiece merges to an unused piece on the way, but takes it apart again at the end. */
function refuseReachable(piece: string, splits: number, file: string): void {
  if (splits === 0 && [...piece].length > 1) return;
  throw unsupported(file, `the unused piece ${shown(piece)} that text can be made of is not supported.`);
}

function splitsOf(piece: string, input: { pieces: ReadonlyMap<string, number>; score: number; file: string }): Merge[] {
  const { pieces, score, file } = input;
  const characters = [...piece];
  if (characters.length > MAX_PIECE_CHARACTERS) {
    throw overLimit(file, `a piece of ${characters.length} characters`, MAX_PIECE_CHARACTERS);
  }
  const splits: Merge[] = [];
  let at = 0;
  for (let i = 1; i < characters.length; i++) {
    at += (characters[i - 1] as string).length;
    const left = piece.slice(0, at);
    const right = piece.slice(at);
    if (!pieces.has(left) || !pieces.has(right)) continue;
    splits.push({ left, right, score, leftLength: i, rightLength: characters.length - i });
  }
  const id = (text: string): number => pieces.get(text) ?? 0;
  return splits.sort((a, b) => id(a.left) - id(b.left) || id(a.right) - id(b.right));
}
