import { AppError } from '@longhaul/kernel';
import { missing } from '../../checkpoint/checkpoint-errors.js';
import type { TokenizerFiles } from '../../checkpoint/checkpoint.js';
import type { MetadataView } from '../metadata-view.js';
import { byteLevelBpe } from './byte-level-bpe.js';
import { sentencepieceBpe } from './sentencepiece-bpe.js';
import { chatTemplate } from './special-tokens.js';
import { addedTokens, tokenizerJson, type TokenizerParts } from './tokenizer-json.js';
import type { Vocabulary } from './vocabulary.js';

/**
 * Makes tokenizer.json and tokenizer_config.json from the metadata of a GGUF file.
 *
 * @throws AppError `TOKENIZER_MISSING`, `UNSUPPORTED_TOKENIZER` naming the kind or the pre-tokeniser,
 * `CHECKPOINT_CORRUPT` where the parts of the vocabulary do not fit together.
 */
export function ggufTokenizer(view: MetadataView): TokenizerFiles {
  refuseSettings(view);
  const { vocabulary, parts } = readKind(view);
  const encoder = new TextEncoder();
  return {
    tokenizerJson: encoder.encode(JSON.stringify(tokenizerJson(vocabulary, parts))),
    tokenizerConfigJson: encoder.encode(JSON.stringify(tokenizerConfig(view, vocabulary, parts), null, 2)),
    chatTemplate: chatTemplate(view),
  };
}

/** Settings that would change the tokens and that no supported kind has. */
const REFUSED = [
  'tokenizer.ggml.add_sep_token',
  'tokenizer.ggml.normalizer.lowercase',
  'tokenizer.ggml.normalizer.strip_accents',
] as const;

function refuseSettings(view: MetadataView): void {
  const found = REFUSED.find((key) => view.boolean(key) === true);
  if (found === undefined) return;
  throw new AppError({
    code: 'UNIMPLEMENTED',
    reason: 'UNSUPPORTED_TOKENIZER',
    message: `${view.file}: the tokenizer setting ${found} is not supported.`,
    field: 'source',
  });
}

function readKind(view: MetadataView): { vocabulary: Vocabulary; parts: TokenizerParts } {
  const kind = view.text('tokenizer.ggml.model');
  switch (kind) {
    case 'gpt2':
      return byteLevelBpe(view);
    case 'llama':
      return sentencepieceBpe(view);
    case undefined:
      throw missing('TOKENIZER_MISSING', `${view.file} holds no tokenizer.`);
    default:
      throw new AppError({
        code: 'UNIMPLEMENTED',
        reason: 'UNSUPPORTED_TOKENIZER',
        message: `${view.file}: the tokenizer kind ${JSON.stringify(kind.slice(0, 80))} is not supported; gpt2 and llama are.`,
        field: 'source',
      });
  }
}

function tokenizerConfig(view: MetadataView, vocabulary: Vocabulary, parts: TokenizerParts): Record<string, unknown> {
  const text = (id: number | null): string | null => (id === null ? null : (vocabulary.tokens[id] ?? null));
  const context = view.count(`${view.text('general.architecture') ?? ''}.context_length`);
  const template = chatTemplate(view);
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: text(vocabulary.bos),
    eos_token: text(vocabulary.eos),
    unk_token: text(vocabulary.unknown),
    pad_token: text(vocabulary.padding),
    add_bos_token: vocabulary.addBos,
    add_eos_token: vocabulary.addEos,
    clean_up_tokenization_spaces: false,
    ...(context === undefined ? {} : { model_max_length: context }),
    added_tokens_decoder: Object.fromEntries(
      addedTokens(vocabulary, parts).map(({ id, ...token }) => [String(id), token]),
    ),
    ...(template === null ? {} : { chat_template: template }),
  };
}
