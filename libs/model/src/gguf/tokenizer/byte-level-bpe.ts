import { corrupt, shown } from '../../checkpoint/checkpoint-errors.js';
import type { MetadataView } from '../metadata-view.js';
import { preTokenizer } from './pre-tokenizers.js';
import type { TokenizerParts } from './tokenizer-json.js';
import { readVocabulary, type Vocabulary } from './vocabulary.js';

const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true } as const;

/**
 * The byte-level BPE kind (`tokenizer.ggml.model` = `gpt2`): tokens in the printable alphabet of GPT-2, merges in order.
 *
 * @throws AppError `UNSUPPORTED_TOKENIZER` for an unknown pre-tokeniser, `CHECKPOINT_CORRUPT` for merges that do not fit
 * the vocabulary.
 */
export function byteLevelBpe(view: MetadataView): { vocabulary: Vocabulary; parts: TokenizerParts } {
  const pre = preTokenizer(view.text('tokenizer.ggml.pre'), view.text('general.architecture') ?? '');
  const vocabulary = readVocabulary(view, { bos: null, eos: null, unknown: null, addBos: pre.addBos });
  const parts: TokenizerParts = {
    normalizer: pre.normalizer,
    preTokenizer: pre.preTokenizer,
    decoder: BYTE_LEVEL,
    postProcessor: null,
    unknownToken: null,
    byteFallback: false,
    ignoreMerges: pre.ignoreMerges,
    merges: readMerges(view, vocabulary),
    controlStripsRight: () => false,
    userDefinedNormalized: false,
  };
  return { vocabulary, parts };
}

function readMerges(view: MetadataView, vocabulary: Vocabulary): [string, string][] {
  const merges = view.texts('tokenizer.ggml.merges');
  if (!merges) throw corrupt(view.file, 'a byte-level vocabulary without tokenizer.ggml.merges cannot be used.');
  return merges.map((merge) => {
    // The first character may itself be a space.
    const at = merge.indexOf(' ', 1);
    const left = merge.slice(0, at);
    const right = merge.slice(at + 1);
    const known = at > 0 && [left, right, left + right].every((token) => vocabulary.ids.has(token));
    if (!known) throw corrupt(view.file, `the merge ${shown(merge)} does not join two tokens into a third.`);
    return [left, right];
  });
}
