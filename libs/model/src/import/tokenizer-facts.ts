import { AppError } from '@longhaul/kernel';
import type { Checkpoint, TokenizerFiles } from '../checkpoint/checkpoint.js';
import type { ConfigValues } from '../config/config-reader.js';
import type { ModelManifest } from '../manifest.js';

type TokenizerFacts = Omit<ModelManifest['tokenizer'], 'sha256'>;

const asObject = (value: unknown): ConfigValues =>
  typeof value === 'object' && value !== null ? (value as ConfigValues) : {};
const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

function parseJson(bytes: Uint8Array, name: string): ConfigValues {
  try {
    return asObject(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch (cause) {
    throw new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'TOKENIZER_INVALID',
      message: `${name} is not valid JSON.`,
      field: 'source',
      cause,
    });
  }
}

/** A special token of tokenizer_config.json: a string, or an object with `content`. */
function tokenText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  const content = asObject(value)['content'];
  return typeof content === 'string' ? content : null;
}

function tokenId(text: string | null, tokenizer: ConfigValues): number | null {
  if (text === null) return null;
  for (const entry of asList(tokenizer['added_tokens']).map(asObject)) {
    if (entry['content'] === text && typeof entry['id'] === 'number') return entry['id'];
  }
  const vocab = asObject(asObject(tokenizer['model'])['vocab']);
  const id = Object.hasOwn(vocab, text) ? vocab[text] : null;
  return typeof id === 'number' ? id : null;
}

/** Ids of a key that holds one id, a list of them, or nothing. */
function idsOf(value: unknown): readonly number[] {
  return (Array.isArray(value) ? asList(value) : [value]).filter((id): id is number => Number.isInteger(id));
}

/** Whether the post-processor of tokenizer.json puts `token` in front of a single text. */
function templateStartsWith(processor: unknown, token: string | null): boolean {
  const { type, single, processors } = asObject(processor);
  if (type === 'Sequence') return asList(processors).some((inner) => templateStartsWith(inner, token));
  if (type !== 'TemplateProcessing' || token === null) return false;
  return asObject(asObject(asList(single)[0])['SpecialToken'])['id'] === token;
}

function within(ids: readonly number[], vocabSize: number, key: string): readonly number[] {
  const outside = ids.find((id) => id < 0 || id >= vocabSize);
  if (outside === undefined) return ids;
  throw new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'CONFIG_INVALID',
    message: `${key} ${outside} is outside the vocabulary of ${vocabSize} tokens.`,
    field: key,
  });
}

/**
 * Special tokens of a checkpoint. End tokens are those of generation_config.json, config.json and
 * tokenizer_config.json together: a model may end with any of them.
 */
export function tokenizerFacts(checkpoint: Checkpoint, files: TokenizerFiles, vocabSize: number): TokenizerFacts {
  const tokenizer = parseJson(files.tokenizerJson, 'tokenizer.json');
  const settings = parseJson(files.tokenizerConfigJson, 'tokenizer_config.json');
  const configs = [checkpoint.generationConfig ?? {}, checkpoint.config, asObject(checkpoint.config['text_config'])];
  const eosToken = tokenId(tokenText(settings['eos_token']), tokenizer);
  const eos = [...configs.flatMap((config) => idsOf(config['eos_token_id'])), ...(eosToken === null ? [] : [eosToken])];
  const bosText = tokenText(settings['bos_token']);
  const configBos = 'bos_token' in settings ? [] : configs.flatMap((config) => idsOf(config['bos_token_id']));
  const bosTokenId = tokenId(bosText, tokenizer) ?? configBos[0] ?? null;
  const explicit = settings['add_bos_token'];
  const addBos = typeof explicit === 'boolean' ? explicit : templateStartsWith(tokenizer['post_processor'], bosText);
  return {
    bosTokenId: within(bosTokenId === null ? [] : [bosTokenId], vocabSize, 'bos_token_id')[0] ?? null,
    eosTokenIds: within([...new Set(eos)], vocabSize, 'eos_token_id'),
    addBos: addBos && bosTokenId !== null,
  };
}
