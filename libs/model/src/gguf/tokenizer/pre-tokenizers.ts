import { AppError } from '@longhaul/kernel';

/** What a pre-tokeniser's name stands for, in the terms of tokenizer.json. */
export interface PreTokenizer {
  readonly normalizer: unknown;
  readonly preTokenizer: unknown;
  /** A word that is a token as a whole is taken without merging. */
  readonly ignoreMerges: boolean;
  /** Whether a beginning-of-text token is added when the file does not say. */
  readonly addBos: boolean;
}

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const REST = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const UPPER = '\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}';
const LOWER = '\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}';

/** The cut that ByteLevel makes by itself. */
const GPT2_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** Words with at most one leading sign, digits in groups, runs of signs, white space. */
function wordPattern(digits: string): string {
  return `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${REST}`;
}

/** As `wordPattern`, but a word also ends where lower case turns into upper case. */
function casedPattern(digits: string, contractions: string): string {
  const lead = '[^\\r\\n\\p{L}\\p{N}]?';
  return (
    `${lead}[${UPPER}]*[${LOWER}]+${contractions}|${lead}[${UPPER}]+[${LOWER}]*${contractions}|` +
    `${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${REST}`
  );
}

function byteLevel(useRegex: boolean): unknown {
  return { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: useRegex };
}

function isolated(pattern: string): unknown {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}

function split(pattern: string, options: Partial<PreTokenizer> = {}): PreTokenizer {
  return plain({ type: 'Sequence', pretokenizers: [isolated(pattern), byteLevel(false)] }, options);
}

function plain(preTokenizer: unknown, options: Partial<PreTokenizer> = {}): PreTokenizer {
  return { normalizer: null, preTokenizer, ignoreMerges: false, addBos: false, ...options };
}

const GPT2 = plain(byteLevel(true));
/** What llama.cpp does for `default` and without a name: punctuation apart, then GPT-2's pattern, digits by threes. */
const DEFAULT = plain({
  type: 'Sequence',
  pretokenizers: [
    isolated('[\\p{P}$+<=>^~|]+'),
    isolated(GPT2_PATTERN),
    isolated('\\p{N}+'),
    isolated('[0-9][0-9][0-9]'),
    byteLevel(false),
  ],
});
/** Digits come one by one, and before the byte-level pattern: " 12" is a space, 1 and 2. */
const DIGITS = plain({
  type: 'Sequence',
  pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel(true)],
});
const QWEN2 = split(wordPattern('\\p{N}'), { normalizer: { type: 'NFC' } });
const LLAMA3 = split(wordPattern('\\p{N}{1,3}'), { ignoreMerges: true, addBos: true });

/** By `tokenizer.ggml.pre`. */
const PRE_TOKENIZERS: Readonly<Record<string, PreTokenizer>> = {
  default: DEFAULT,
  'gpt-2': GPT2,
  smollm: DIGITS,
  starcoder: DIGITS,
  qwen2: QWEN2,
  'deepseek-r1-qwen': QWEN2,
  'llama-bpe': LLAMA3,
  llama3: LLAMA3,
  'llama-v3': LLAMA3,
  'smaug-bpe': split(wordPattern('\\p{N}{1,3}')),
  tekken: split(casedPattern('\\p{N}', ''), { ignoreMerges: true, addBos: true }),
  'gpt-4o': split(casedPattern('\\p{N}{1,3}', `${CONTRACTIONS}?`)),
};

/** Old files do not name their pre-tokeniser; these architectures have only ever had one. */
const BY_ARCHITECTURE: Readonly<Record<string, PreTokenizer>> = { qwen2: QWEN2, qwen3: QWEN2 };

/**
 * Looks up a pre-tokeniser.
 *
 * @param name `tokenizer.ggml.pre`, or undefined where a file has none: then the architecture settles it, or it is
 * `default` as in llama.cpp.
 * @throws AppError `UNSUPPORTED_TOKENIZER` for an unknown name: a guess would change the tokens without a sign.
 */
export function preTokenizer(name: string | undefined, architecture: string): PreTokenizer {
  const table = name === undefined ? BY_ARCHITECTURE : PRE_TOKENIZERS;
  const key = name ?? architecture;
  const found = Object.hasOwn(table, key) ? table[key] : undefined;
  if (found) return found;
  if (name === undefined) return DEFAULT;
  throw new AppError({
    code: 'UNIMPLEMENTED',
    reason: 'UNSUPPORTED_TOKENIZER',
    message: `The pre-tokeniser ${JSON.stringify(name.slice(0, 80))} (tokenizer.ggml.pre) is not supported.`,
    field: 'source',
  });
}
