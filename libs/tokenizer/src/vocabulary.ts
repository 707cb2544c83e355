import { badFile, idAt, objectAt, objectsAt, stringAt, unsupported, type JsonObject } from './json.js';
import { MAX_ADDED_TOKENS, MAX_TOKEN_UNITS, MAX_TOKENS } from './limits.js';

/** One entry of `added_tokens`: found in the text before anything else happens to it. */
export interface AddedToken {
  id: number;
  content: string;
  /** Control token: skipped when decoding, and not read from text unless asked for. */
  special: boolean;
  /** Only between non-word characters. */
  singleWord: boolean;
  /** Takes the white space on its left (right) with it. */
  lstrip: boolean;
  rstrip: boolean;
  /** Looked for in the normalised text. */
  normalized: boolean;
  /**
   * What it looks like there; null: its content normalised. An extension of ours for pieces of SentencePiece, whose
   * normalizer puts a mark in front of a text but not in front of a piece.
   */
  normalizedSpelling: string | null;
}

/** Key of `normalizedSpelling` in `added_tokens`. */
const SPELLING_KEY = 'longhaul_normalized_spelling';

/** What the ids mean: the model's own entries and the added ones over them. */
export interface Vocabulary {
  /** Vocabulary spelling → id, of the model alone. */
  readonly model: ReadonlyMap<string, number>;
  readonly added: readonly AddedToken[];
  /** Vocabulary spelling by id; undefined where there is no token. */
  readonly tokens: readonly (string | undefined)[];
  readonly specialIds: ReadonlySet<number>;
}

function refuseMany(count: number, most: number, where: string): void {
  if (count > most) throw badFile('tokenizer.json', `${where} has ${count} entries; at most ${most} are read.`);
}

/** A long token costs wherever it is looked for, and wherever it is written out. */
function refuseLong(token: string, where: string): void {
  if (token.length <= MAX_TOKEN_UNITS) return;
  const said = `${where} has a token of ${token.length} UTF-16 units; at most ${MAX_TOKEN_UNITS} are read.`;
  throw badFile('tokenizer.json', said);
}

function modelVocabulary(model: JsonObject): Map<string, number> {
  const entries = Object.entries(objectAt(model['vocab'], 'model.vocab'));
  refuseMany(entries.length, MAX_TOKENS, 'model.vocab');
  for (const [token] of entries) refuseLong(token, 'model.vocab');
  return new Map(entries.map(([token, id]) => [token, idAt(id, `model.vocab[${JSON.stringify(token)}]`)]));
}

function addedToken(spec: JsonObject, model: ReadonlyMap<string, number>, where: string): AddedToken {
  const content = stringAt(spec['content'], `${where}.content`);
  return {
    id: model.get(content) ?? idAt(spec['id'], `${where}.id`),
    content,
    special: spec['special'] === true,
    singleWord: spec['single_word'] === true,
    lstrip: spec['lstrip'] === true,
    rstrip: spec['rstrip'] === true,
    normalized: spec['normalized'] === true,
    normalizedSpelling: typeof spec[SPELLING_KEY] === 'string' ? spec[SPELLING_KEY] : null,
  };
}

/** Reads `model.vocab` and `added_tokens` of a tokenizer.json. */
export function readVocabulary(root: JsonObject): Vocabulary {
  const modelSpec = objectAt(root['model'], 'model');
  if (Array.isArray(modelSpec['vocab'])) throw unsupported('model Unigram is not supported.');
  const model = modelVocabulary(modelSpec);
  const specs = objectsAt(root['added_tokens'], 'added_tokens');
  refuseMany(specs.length, MAX_ADDED_TOKENS, 'added_tokens');
  const added = specs
    .map((spec, index) => addedToken(spec, model, `added_tokens[${index}]`))
    .filter((token) => token.content !== '');
  for (const { content } of added) refuseLong(content, 'added_tokens');
  const tokens: (string | undefined)[] = [];
  for (const [token, id] of model) tokens[id] = token;
  for (const token of added) tokens[token.id] = token.content;
  const specialIds = new Set(added.filter((token) => token.special).map((token) => token.id));
  return { model, added, tokens, specialIds };
}
