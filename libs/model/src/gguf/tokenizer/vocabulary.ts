import { corrupt, missing, overLimit, shown } from '../../checkpoint/checkpoint-errors.js';
import type { MetadataView } from '../metadata-view.js';

/** Vocabularies are bounded so that what is built from them is: the largest published one has 262,208 tokens. */
const MAX_TOKENS = 1_048_576;

/** `tokenizer.ggml.token_type`. */
export const TokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** Ids and flags that a tokenizer has when its file does not say. */
export interface VocabularyDefaults {
  readonly bos: number | null;
  readonly eos: number | null;
  readonly unknown: number | null;
  readonly addBos: boolean;
}

/** The vocabulary of a GGUF file, checked: tokens are unique, ids lie inside. */
export interface Vocabulary {
  readonly tokens: readonly string[];
  /** Token to id. */
  readonly ids: ReadonlyMap<string, number>;
  /** One of `TokenType` per token. */
  readonly types: ArrayLike<number>;
  readonly bos: number | null;
  readonly eos: number | null;
  readonly unknown: number | null;
  readonly padding: number | null;
  readonly addBos: boolean;
  readonly addEos: boolean;
}

/**
 * Reads the vocabulary.
 *
 * @param spell how a token of the file is written in tokenizer.json.
 * @throws AppError `TOKENIZER_MISSING`, `CHECKPOINT_CORRUPT`, `CHECKPOINT_LIMIT`.
 */
export function readVocabulary(
  view: MetadataView,
  defaults: VocabularyDefaults,
  spell: (token: string) => string = (token) => token,
): Vocabulary {
  const stored = view.texts('tokenizer.ggml.tokens');
  if (!stored || stored.length === 0) throw missing('TOKENIZER_MISSING', `${view.file} holds no tokens.`);
  if (stored.length > MAX_TOKENS) throw overLimit(view.file, `a vocabulary of ${stored.length} tokens`, MAX_TOKENS);
  const tokens = stored.map(spell);
  const id = (name: string, fallback: number | null): number | null => tokenId(view, name, tokens.length) ?? fallback;
  const vocabulary: Vocabulary = {
    tokens,
    ids: idsOf(tokens, view.file),
    types: typesOf(view, tokens.length),
    bos: id('bos', defaults.bos),
    eos: id('eos', defaults.eos),
    unknown: id('unknown', defaults.unknown),
    padding: id('padding', null),
    addBos: view.boolean('tokenizer.ggml.add_bos_token') ?? defaults.addBos,
    addEos: view.boolean('tokenizer.ggml.add_eos_token') ?? false,
  };
  if (vocabulary.addBos && vocabulary.bos === null)
    throw corrupt(view.file, 'add_bos_token is set without a BOS token.');
  if (vocabulary.addEos && vocabulary.eos === null)
    throw corrupt(view.file, 'add_eos_token is set without an EOS token.');
  return vocabulary;
}

/** The id under `tokenizer.ggml.<name>_token_id`, inside the vocabulary; undefined where the key is missing. */
export function tokenId(view: MetadataView, name: string, vocabularySize: number): number | undefined {
  const key = `tokenizer.ggml.${name}_token_id`;
  const id = view.count(key);
  if (id === undefined || id < vocabularySize) return id;
  throw corrupt(view.file, `${key} is ${id}, outside a vocabulary of ${vocabularySize}.`);
}

function idsOf(tokens: readonly string[], file: string): Map<string, number> {
  const ids = new Map<string, number>();
  tokens.forEach((token, id) => {
    const other = ids.get(token);
    if (other !== undefined) throw corrupt(file, `tokens ${other} and ${id} are both ${shown(token)}.`);
    ids.set(token, id);
  });
  return ids;
}

function typesOf(view: MetadataView, length: number): ArrayLike<number> {
  const types = view.numbers('tokenizer.ggml.token_type');
  if (!types) return new Uint8Array(length).fill(TokenType.normal);
  if (types.length !== length) throw corrupt(view.file, `it has ${types.length} token types for ${length} tokens.`);
  return types;
}
