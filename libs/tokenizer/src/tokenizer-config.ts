import { isObject, parseJsonFile, type JsonObject } from './json.js';

/** What this library reads from tokenizer_config.json. */
export interface TokenizerConfig {
  bosToken: string | null;
  eosToken: string | null;
  /** Every `*_token` of the file by its key (`pad_token`), for chat templates. */
  namedTokens: Readonly<Record<string, string>>;
  /** The template in the file; a list of named ones gives the one called `default`, or the only one. */
  chatTemplate: string | null;
  tokenizerClass: string | null;
  /** Null where the file does not say. */
  addBosToken: boolean | null;
  addEosToken: boolean | null;
  addPrefixSpace: boolean | null;
  splitSpecialTokens: boolean;
}

function flag(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null;
}

/** A token is spelled as a string or as an AddedToken object. */
function spelling(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return isObject(value) && typeof value['content'] === 'string' ? value['content'] : null;
}

function template(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return null;
  const named = value.filter((item: unknown): item is JsonObject => isObject(item));
  const chosen = named.find((item) => item['name'] === 'default') ?? (named.length === 1 ? named[0] : undefined);
  return typeof chosen?.['template'] === 'string' ? chosen['template'] : null;
}

/** Reads tokenizer_config.json. No bytes at all count as an empty object. */
export function readTokenizerConfig(bytes: Uint8Array): TokenizerConfig {
  const root: JsonObject = bytes.length === 0 ? {} : parseJsonFile('tokenizer_config.json', bytes);
  const namedTokens: Record<string, string> = {};
  for (const [key, value] of Object.entries(root)) {
    const token = key.endsWith('_token') ? spelling(value) : null;
    if (token !== null) namedTokens[key] = token;
  }
  return {
    bosToken: namedTokens['bos_token'] ?? null,
    eosToken: namedTokens['eos_token'] ?? null,
    namedTokens,
    chatTemplate: template(root['chat_template']),
    tokenizerClass: typeof root['tokenizer_class'] === 'string' ? root['tokenizer_class'] : null,
    addBosToken: flag(root['add_bos_token']),
    addEosToken: flag(root['add_eos_token']),
    addPrefixSpace: flag(root['add_prefix_space']),
    splitSpecialTokens: root['split_special_tokens'] === true,
  };
}
