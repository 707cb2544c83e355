import { AppError } from '@longhaul/kernel';
import { corrupt } from '../../checkpoint/checkpoint-errors.js';
import type { MetadataView } from '../metadata-view.js';
import { sentencepieceMerges } from './sentencepiece-merges.js';
import type { TokenizerParts } from './tokenizer-json.js';
import { readVocabulary, type Vocabulary } from './vocabulary.js';

/** U+2581, which SentencePiece writes for a space. */
const SPACE = '\u2581';
const BYTES = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
/** Special tokens of Phi-3 that keep the white space behind them; the others swallow it. */
const PHI3_KEEPS_SPACE = new Set(['<unk>', '<s>', '<|endoftext|>']);

/**
 * The SentencePiece BPE kind (`tokenizer.ggml.model` = `llama`): pieces with scores, bytes for what has no piece.
 *
 * @throws AppError `CHECKPOINT_CORRUPT`, or `UNSUPPORTED_TOKENIZER` for text that would have to be normalised first.
 */
export function sentencepieceBpe(view: MetadataView): { vocabulary: Vocabulary; parts: TokenizerParts } {
  assertNoNormalisation(view);
  // Newer files write user-defined pieces with plain spaces; in tokenizer.json every piece has the mark.
  const spell = (token: string): string => token.replaceAll(' ', SPACE);
  const vocabulary = readVocabulary(view, { bos: 1, eos: 2, unknown: 0, addBos: true }, spell);
  const scores = view.numbers('tokenizer.ggml.scores');
  if (scores?.length !== vocabulary.tokens.length) {
    throw corrupt(view.file, `it has ${scores?.length ?? 0} scores for ${vocabulary.tokens.length} tokens.`);
  }
  const prefixed = view.boolean('tokenizer.ggml.add_space_prefix') ?? true;
  const parts: TokenizerParts = {
    ...spaceSteps(prefixed),
    postProcessor: null,
    unknownToken: unknownToken(vocabulary),
    byteFallback: BYTES.every((byte) => vocabulary.ids.has(byte)),
    ignoreMerges: false,
    merges: sentencepieceMerges(vocabulary, scores, view.file),
    controlStripsRight: (token) => view.text('general.architecture') === 'phi3' && !PHI3_KEEPS_SPACE.has(token),
    userDefinedNormalized: true,
  };
  return { vocabulary, parts };
}

function unknownToken(vocabulary: Vocabulary): string | null {
  return vocabulary.unknown === null ? null : (vocabulary.tokens[vocabulary.unknown] ?? null);
}

/** Spaces become the mark and back; `prefixed` adds one in front of every stretch of text and takes it away again. */
function spaceSteps(prefixed: boolean): Pick<TokenizerParts, 'normalizer' | 'preTokenizer' | 'decoder'> {
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: SPACE };
  const restore = { type: 'Replace', pattern: { String: SPACE }, content: ' ' };
  const decoders: unknown[] = [restore, { type: 'ByteFallback' }, { type: 'Fuse' }];
  if (!prefixed) return { normalizer: replace, preTokenizer: null, decoder: { type: 'Sequence', decoders } };
  return {
    normalizer: { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: SPACE }, replace] },
    preTokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [...decoders, { type: 'Strip', content: ' ', start: 1, stop: 0 }],
    },
  };
}

function assertNoNormalisation(view: MetadataView): void {
  const extra = view.boolean('tokenizer.ggml.remove_extra_whitespaces') ?? false;
  const charsmap = view.has('tokenizer.ggml.precompiled_charsmap');
  if (!extra && !charsmap) return;
  throw new AppError({
    code: 'UNIMPLEMENTED',
    reason: 'UNSUPPORTED_TOKENIZER',
    message: `${view.file}: a SentencePiece tokenizer with ${extra ? 'remove_extra_whitespaces' : 'a character map'} is not supported.`,
    field: 'source',
  });
}
