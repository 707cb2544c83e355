import { TokenType, type Vocabulary } from './vocabulary.js';

export interface AddedToken {
  id: number;
  content: string;
  single_word: boolean;
  lstrip: boolean;
  rstrip: boolean;
  normalized: boolean;
  special: boolean;
  /** How a user-defined piece looks in normalised text; see `AddedToken.normalizedSpelling` of the tokenizer. */
  longhaul_normalized_spelling?: string;
}

/** The parts of tokenizer.json that differ between kinds of tokenizers. */
export interface TokenizerParts {
  readonly normalizer: unknown;
  readonly preTokenizer: unknown;
  readonly decoder: unknown;
  /** Used where neither BOS nor EOS is added. */
  readonly postProcessor: unknown;
  readonly unknownToken: string | null;
  readonly byteFallback: boolean;
  readonly ignoreMerges: boolean;
  /** In order of rank. */
  readonly merges: readonly (readonly [string, string])[];
  /** Control tokens swallow white space behind them. */
  readonly controlStripsRight: (token: string) => boolean;
  /** User-defined pieces are looked for after normalising, as SentencePiece does; otherwise in the text as it stands. */
  readonly userDefinedNormalized: boolean;
}

/** Puts a BPE tokenizer together as `tokenizers` would save it. */
export function tokenizerJson(vocabulary: Vocabulary, parts: TokenizerParts): Record<string, unknown> {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(vocabulary, parts),
    normalizer: parts.normalizer,
    pre_tokenizer: parts.preTokenizer,
    post_processor: postProcessor(vocabulary) ?? parts.postProcessor,
    decoder: parts.decoder,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: parts.unknownToken,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: parts.unknownToken !== null,
      byte_fallback: parts.byteFallback,
      ignore_merges: parts.ignoreMerges,
      vocab: vocabOf(vocabulary),
      merges: parts.merges,
    },
  };
}

/** Control and unknown tokens are special; user-defined ones are found in text before anything else, but are ordinary. */
export function addedTokens(
  vocabulary: Vocabulary,
  parts: Pick<TokenizerParts, 'controlStripsRight' | 'userDefinedNormalized'>,
): AddedToken[] {
  const added: AddedToken[] = [];
  vocabulary.tokens.forEach((content, id) => {
    const type = vocabulary.types[id];
    const special = type === TokenType.control || type === TokenType.unknown;
    if (!special && type !== TokenType.userDefined) return;
    const rstrip = special && parts.controlStripsRight(content);
    const normalized = !special && parts.userDefinedNormalized;
    const spelling = normalized ? { longhaul_normalized_spelling: content } : {};
    added.push({ id, content, single_word: false, lstrip: false, rstrip, normalized, special, ...spelling });
  });
  return added;
}

function vocabOf(vocabulary: Vocabulary): Record<string, number> {
  // Without a prototype, a token called "__proto__" is a key like any other.
  const vocab = Object.create(null) as Record<string, number>;
  vocabulary.tokens.forEach((token, id) => (vocab[token] = id));
  return vocab;
}

function postProcessor({ tokens, bos, eos, addBos, addEos }: Vocabulary): unknown {
  const first = addBos ? bos : null;
  const last = addEos ? eos : null;
  if (first === null && last === null) return null;
  const special = (id: number | null, type: number): unknown[] =>
    id === null ? [] : [{ SpecialToken: { id: tokens[id], type_id: type } }];
  const sequence = (name: 'A' | 'B', type: number): unknown[] => [
    ...special(first, type),
    { Sequence: { id: name, type_id: type } },
    ...special(last, type),
  ];
  const used = [...new Set([first, last])].filter((id) => id !== null);
  return {
    type: 'TemplateProcessing',
    single: sequence('A', 0),
    pair: [...sequence('A', 0), ...sequence('B', 1)],
    special_tokens: Object.fromEntries(
      used.map((id) => [tokens[id], { id: tokens[id], ids: [id], tokens: [tokens[id]] }]),
    ),
  };
}
