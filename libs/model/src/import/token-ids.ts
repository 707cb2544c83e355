import { isJsonObject } from '../checkpoint/json-object.js';
import { shownValue } from '../config/config-error.js';
import { tokenizerInvalid } from './pipeline-bounds.js';

/** Published models have up to about 10,000 (reserved ones). */
const MAX_ADDED_TOKENS = 100_000;
/** The longest published one has about 60 characters; runs of spaces have up to 100. */
const MAX_ADDED_TOKEN_CHARACTERS = 1024;

type Json = Readonly<Record<string, unknown>>;

/**
 * Checks every id that a tokenizer can give: integers, each for one token only, and each with a row in the model's
 * embedding table.
 *
 * @returns the tokenizer without the special tokens that have no such row (a text model that was cut from one with images
 * has them): nothing can be said with them, and their ids would end a step. The same object where there are none.
 * @throws AppError `TOKENIZER_INVALID` naming the token, its id and the limit.
 */
export function checkTokenIds(tokenizer: Json, vocabSize: number): Json {
  const added = addedTokens(tokenizer, vocabSize);
  const beyond = new Set(added.filter(({ id }) => id >= vocabSize).map(({ content }) => content));
  checkVocabulary(tokenizer, vocabSize, beyond);
  return beyond.size === 0 ? tokenizer : without(tokenizer, beyond);
}

interface AddedToken {
  readonly id: number;
  readonly content: string;
}

function addedTokens(tokenizer: Json, vocabSize: number): AddedToken[] {
  const listed = tokenizer['added_tokens'];
  if (listed === undefined || listed === null) return [];
  if (!Array.isArray(listed)) throw tokenizerInvalid('tokenizer.json: added_tokens is not a list.');
  if (listed.length > MAX_ADDED_TOKENS) {
    throw tokenizerInvalid(
      `tokenizer.json: added_tokens has ${listed.length} entries; the limit is ${MAX_ADDED_TOKENS}.`,
    );
  }
  const idOf = new Map<string, number>();
  const contentOf = new Map<number, string>();
  return listed.map((entry: unknown, index) => {
    const { id, content } = addedToken(entry, index, vocabSize);
    const where = `tokenizer.json: added_tokens[${index}] ${shownValue(content)}`;
    const other = contentOf.get(id) ?? content;
    if (other !== content) throw tokenizerInvalid(`${where} has the id ${id} of ${shownValue(other)}.`);
    const before = idOf.get(content) ?? id;
    if (before !== id) throw tokenizerInvalid(`${where} has two ids, ${before} and ${id}.`);
    contentOf.set(id, content);
    idOf.set(content, id);
    return { id, content };
  });
}

function addedToken(entry: unknown, index: number, vocabSize: number): AddedToken {
  const where = `tokenizer.json: added_tokens[${index}]`;
  if (!isJsonObject(entry)) throw tokenizerInvalid(`${where} is not an object.`);
  const { id, content } = entry;
  if (typeof content !== 'string') throw tokenizerInvalid(`${where}.content is not a string.`);
  if (content.length > MAX_ADDED_TOKEN_CHARACTERS) {
    throw tokenizerInvalid(
      `${where}.content has ${content.length} characters; the limit is ${MAX_ADDED_TOKEN_CHARACTERS}.`,
    );
  }
  const isId = typeof id === 'number' && Number.isInteger(id) && id >= 0;
  if (isId && (id < vocabSize || entry['special'] === true)) return { id, content };
  throw tokenizerInvalid(
    `${where} ${shownValue(content)} has the id ${shownValue(id)}; the model has rows for 0 to ${vocabSize - 1}.`,
  );
}

function checkVocabulary(tokenizer: Json, vocabSize: number, beyond: ReadonlySet<string>): void {
  const vocab = isJsonObject(tokenizer['model']) ? tokenizer['model']['vocab'] : undefined;
  // A list is Unigram's, which the tokenizer itself refuses by name.
  if (!isJsonObject(vocab)) return;
  const taken = new Map<number, string>();
  for (const [token, id] of Object.entries(vocab)) {
    if (beyond.has(token)) continue;
    const where = `tokenizer.json: model.vocab[${shownValue(token)}]`;
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= vocabSize) {
      throw tokenizerInvalid(`${where} is ${shownValue(id)}; the model has rows for 0 to ${vocabSize - 1}.`);
    }
    const other = taken.get(id);
    if (other !== undefined) throw tokenizerInvalid(`${where} is ${id}, which is the id of ${shownValue(other)} too.`);
    taken.set(id, token);
  }
}

function without(tokenizer: Json, tokens: ReadonlySet<string>): Json {
  const added = (tokenizer['added_tokens'] as Json[]).filter((entry) => !tokens.has(entry['content'] as string));
  const model = tokenizer['model'];
  const vocab = isJsonObject(model) ? model['vocab'] : undefined;
  if (!isJsonObject(model) || !isJsonObject(vocab)) return { ...tokenizer, added_tokens: added };
  const kept = Object.fromEntries(Object.entries(vocab).filter(([token]) => !tokens.has(token)));
  return { ...tokenizer, added_tokens: added, model: { ...model, vocab: kept } };
}
