import { isObject, objectAt, objectsAt, unsupported, type JsonObject } from './json.js';
import type { TokenizerConfig } from './tokenizer-config.js';

/**
 * Classes of transformers 4 that make their post-processor from `add_bos_token` and `add_eos_token`, and whether they add
 * BOS when only the other flag is there.
 */
const FLAGGED_CLASSES: Readonly<Record<string, boolean>> = {
  LlamaTokenizer: true,
  CodeLlamaTokenizer: true,
  GemmaTokenizer: true,
  CohereTokenizer: true,
  GPTNeoXTokenizer: false,
};

/** Classes whose flag `add_prefix_space` decides, not the pre-tokeniser of the file. */
const PREFIXED_CLASSES: ReadonlySet<string> = new Set(['GPT2Tokenizer']);

/**
 * tokenizer.json as transformers has it after it has read tokenizer_config.json, which may say otherwise.
 *
 * - `add_bos_token` and `add_eos_token`, where they are written out, replace the post-processor for the classes of
 *   transformers 4 that do so. Transformers 5 reads the post-processor alone; checkpoints made before it depend on the flags.
 * - `add_prefix_space` of `GPT2Tokenizer` replaces the one of a ByteLevel pre-tokeniser.
 * - Named tokens of the vocabulary (`eos_token`) are special even if tokenizer.json does not list them.
 *
 * @throws AppError UNSUPPORTED_TOKENIZER for `split_special_tokens`, which would take a chat template apart
 */
export function settleConfig(root: JsonObject, config: TokenizerConfig): JsonObject {
  if (config.splitSpecialTokens) throw unsupported('split_special_tokens of tokenizer_config.json is not supported.');
  const kind = (config.tokenizerClass ?? '').replace(/Fast$/, '');
  const settled = { ...root, added_tokens: addedTokens(root, config) };
  return { ...settled, pre_tokenizer: preTokenizer(settled, kind, config), ...postProcessor(settled, kind, config) };
}

function vocabularyOf(root: JsonObject): JsonObject {
  const vocab = objectAt(root['model'], 'model')['vocab'];
  return isObject(vocab) ? vocab : {};
}

function addedTokens(root: JsonObject, config: TokenizerConfig): readonly JsonObject[] {
  const added = objectsAt(root['added_tokens'], 'added_tokens');
  const listed = new Set(added.map((token) => token['content']));
  const vocabulary = vocabularyOf(root);
  const missing = [...new Set(Object.values(config.namedTokens))].filter((content) => !listed.has(content));
  const known = missing.filter((content) => Object.hasOwn(vocabulary, content));
  return [...added, ...known.map((content) => ({ id: vocabulary[content], content, special: true }))];
}

function preTokenizer(root: JsonObject, kind: string, config: TokenizerConfig): unknown {
  const spec = root['pre_tokenizer'];
  if (!PREFIXED_CLASSES.has(kind) || !isObject(spec) || spec['type'] !== 'ByteLevel') return spec;
  return { ...spec, add_prefix_space: config.addPrefixSpace ?? false };
}

function postProcessor(root: JsonObject, kind: string, config: TokenizerConfig): { post_processor?: unknown } {
  const { addBosToken, addEosToken } = config;
  const addsBos = Object.hasOwn(FLAGGED_CLASSES, kind) ? FLAGGED_CLASSES[kind] : undefined;
  if (addsBos === undefined || (addBosToken === null && addEosToken === null)) return {};
  const bos = (addBosToken ?? addsBos) ? framing(root, config.bosToken) : null;
  const eos = (addEosToken ?? false) ? framing(root, config.eosToken) : null;
  const single = [...(bos?.pieces ?? []), { Sequence: { id: 'A', type_id: 0 } }, ...(eos?.pieces ?? [])];
  const special_tokens = { ...bos?.tokens, ...eos?.tokens };
  return { post_processor: { type: 'TemplateProcessing', single, pair: single, special_tokens } };
}

/** A token as a post-processor names it; null where there is no such token, which transformers 5 leaves out as well. */
function framing(root: JsonObject, content: string | null): { pieces: unknown[]; tokens: JsonObject } | null {
  if (content === null) return null;
  const listed = objectsAt(root['added_tokens'], 'added_tokens').find((token) => token['content'] === content);
  const vocabulary = vocabularyOf(root);
  const id = listed?.['id'] ?? (Object.hasOwn(vocabulary, content) ? vocabulary[content] : undefined);
  if (id === undefined) return null;
  return {
    pieces: [{ SpecialToken: { id: content, type_id: 0 } }],
    tokens: { [content]: { id: content, ids: [id], tokens: [content] } },
  };
}
