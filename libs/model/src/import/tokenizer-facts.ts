import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { invalidConfig, shownValue } from '../config/config-error.js';
import type { ConfigValues } from '../config/config-reader.js';
import type { ModelManifest } from '../manifest.js';
import type { CheckedTokenizer } from './check-tokenizer.js';
import { tokenizerInvalid } from './pipeline-bounds.js';

/** Models end with a handful of tokens. */
const MAX_END_TOKENS = 256;

type TokenizerFacts = Omit<ModelManifest['tokenizer'], 'sha256'>;

const asObject = (value: unknown): ConfigValues =>
  typeof value === 'object' && value !== null ? (value as ConfigValues) : {};
const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

/** A special token of tokenizer_config.json: a string, or an object with `content`. */
function tokenText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  const content = asObject(value)['content'];
  return typeof content === 'string' ? content : null;
}

function tokenId(text: string, tokenizer: ConfigValues): number | null {
  for (const entry of asList(tokenizer['added_tokens']).map(asObject)) {
    if (entry['content'] === text && typeof entry['id'] === 'number') return entry['id'];
  }
  const vocab = asObject(asObject(tokenizer['model'])['vocab']);
  const id = Object.hasOwn(vocab, text) ? vocab[text] : null;
  return typeof id === 'number' ? id : null;
}

/** Ids of a key that holds one id, a list of them, or nothing. */
function idsOf(config: ConfigValues, key: string): readonly number[] {
  const value = config[key];
  if (value === undefined || value === null) return [];
  const ids = Array.isArray(value) ? asList(value) : [value];
  if (ids.length > MAX_END_TOKENS) throw invalidConfig(key, `has ${ids.length} ids; the limit is ${MAX_END_TOKENS}`);
  const wrong = ids.find((id) => !Number.isInteger(id));
  if (wrong === undefined) return ids as readonly number[];
  throw invalidConfig(key, `must be a token id or a list of them, but holds ${shownValue(wrong)}`);
}

/** The id of a token that tokenizer_config.json names; without it texts would begin or end otherwise than the model's. */
function namedToken(key: string, { settings, tokenizer }: CheckedTokenizer): number | null {
  const text = tokenText(settings[key]);
  if (text === null || text === '') return null;
  const id = tokenId(text, tokenizer);
  if (id !== null) return id;
  throw tokenizerInvalid(`tokenizer_config.json: ${key} ${shownValue(text)} is no token of tokenizer.json.`);
}

function within(ids: readonly number[], vocabSize: number, key: string): readonly number[] {
  const outside = ids.find((id) => id < 0 || id >= vocabSize);
  if (outside === undefined) return ids;
  throw invalidConfig(key, `${outside} is outside the vocabulary of ${vocabSize} tokens`);
}

/**
 * Special tokens of a checkpoint. End tokens are those of generation_config.json, config.json and
 * tokenizer_config.json together: a model may end with any of them.
 *
 * @throws AppError `CONFIG_INVALID`, `TOKENIZER_INVALID` naming the key.
 */
export function tokenizerFacts(
  checkpoint: Pick<Checkpoint, 'config' | 'generationConfig'>,
  checked: CheckedTokenizer,
  vocabSize: number,
): TokenizerFacts {
  const { settings, built } = checked;
  const configs = [checkpoint.generationConfig ?? {}, checkpoint.config, asObject(checkpoint.config['text_config'])];
  const eosToken = namedToken('eos_token', checked);
  const eos = [...configs.flatMap((config) => idsOf(config, 'eos_token_id')), ...(eosToken === null ? [] : [eosToken])];
  const configBos = 'bos_token' in settings ? [] : configs.flatMap((config) => idsOf(config, 'bos_token_id'));
  const bosTokenId = namedToken('bos_token', checked) ?? configBos[0] ?? null;
  return {
    bosTokenId: within(bosTokenId === null ? [] : [bosTokenId], vocabSize, 'bos_token_id')[0] ?? null,
    eosTokenIds: within([...new Set(eos)], vocabSize, 'eos_token_id'),
    // What serving does, whatever the files say of it.
    addBos: bosTokenId !== null && built.encode('')[0] === bosTokenId,
  };
}
