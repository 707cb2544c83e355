import { AppError, invalidArgument } from '@longhaul/kernel';
import type { TokenizerFiles } from '@longhaul/inference';
import { AddedTokenMatcher, type MatchRules } from './added-tokens.js';
import { BpeEncoder } from './bpe-encoder.js';
import { isControlToken } from './control-tokens.js';
import { readBpeModel } from './bpe-model.js';
import { IdBuffer } from './id-buffer.js';
import { parseJsonFile } from './json.js';
import { markPlaces, placesAfter } from './literal-places.js';
import { createNormalizer, type Normalizer } from './normalizer.js';
import { readSpecialFrame, type SpecialFrame } from './post-processor.js';
import { createPreTokenizer, usesByteAlphabet, type PreTokenizer } from './pre-tokenizer.js';
import { settleConfig } from './settle-config.js';
import { readDecoder, type TokenDecoder } from './token-bytes.js';
import { readTokenizerConfig } from './tokenizer-config.js';
import type { DecodeOptions, EncodeAsyncOptions, EncodeOptions, Tokenizer } from './tokenizer.js';
import { readVocabulary, type Vocabulary } from './vocabulary.js';

/** Longest text that is encoded, in UTF-16 units. */
export const MAX_TEXT_UNITS = 32 * 1024 * 1024;
const PIECES_PER_STEP = 256;
const DEFAULT_SLICE_MS = 5;
const NO_BYTES = new Uint8Array(0);
const LONE_SURROGATE = /\p{Surrogate}/gu;
const lossyUtf8 = new TextDecoder('utf-8', { ignoreBOM: true });

interface Parts {
  vocabulary: Vocabulary;
  normalize: Normalizer;
  preTokenize: PreTokenizer;
  encoder: BpeEncoder;
  frame: SpecialFrame;
  decoder: TokenDecoder;
  bosTokenId: number | null;
  eosTokenId: number | null;
}

/** Text between tokens that are found before normalising. */
interface Stretch {
  text: string;
  /** Offset in the whole text. */
  start: number;
  parseSpecial: boolean;
  /** Offsets in `text` at which no added token is to be read. */
  literals: readonly number[];
}

/** Index of the first offset that is at least `wanted`. */
function lowerBound(offsets: readonly number[], wanted: number): number {
  let low = 0;
  let high = offsets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((offsets[middle] ?? 0) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

function contains(offsets: readonly number[], start: number, end: number): boolean {
  return (offsets[lowerBound(offsets, start)] ?? Infinity) < end;
}

/** The offsets in a range, counted from its start. */
function within(offsets: readonly number[], start: number, end: number): number[] {
  return offsets.slice(lowerBound(offsets, start), lowerBound(offsets, end)).map((offset) => offset - start);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

class BpeTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | null;
  readonly leadingSpaces: 0 | 1;
  readonly controlTokens: readonly string[];
  readonly addedTokens: readonly string[];
  readonly #parts: Parts;
  readonly #rawMatcher: AddedTokenMatcher;
  readonly #normalizedMatcher: AddedTokenMatcher;
  readonly #normalizesTokens: boolean;
  readonly #ids: Map<string, number>;
  readonly #bytes: (Uint8Array | undefined)[] = [];

  constructor(parts: Parts) {
    const { added, model, tokens } = parts.vocabulary;
    this.#parts = parts;
    this.vocabSize = tokens.length;
    this.bosTokenId = parts.bosTokenId;
    this.eosTokenId = parts.eosTokenId;
    this.leadingSpaces = parts.decoder.stripStart;
    this.controlTokens = added.filter(isControlToken).map((token) => token.content);
    this.addedTokens = added.map((token) => token.content);
    this.#ids = new Map([...model, ...added.map((token) => [token.content, token.id] as const)]);
    const raw = added.filter((token) => !token.normalized);
    this.#rawMatcher = new AddedTokenMatcher(raw.map((token) => ({ spelling: token.content, token })));
    const normalized = added.filter((token) => token.normalized);
    this.#normalizesTokens = normalized.length > 0;
    this.#normalizedMatcher = new AddedTokenMatcher(
      normalized.map((token) => ({ spelling: token.normalizedSpelling ?? parts.normalize(token.content), token })),
    );
  }

  encode(text: string, options: EncodeOptions = {}): Int32Array {
    const steps = this.#encodeSteps(text, options);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  }

  async encodeAsync(text: string, options: EncodeAsyncOptions = {}): Promise<Int32Array> {
    const sliceMs = options.sliceMs ?? DEFAULT_SLICE_MS;
    const steps = this.#encodeSteps(text, options);
    for (let until = performance.now() + sliceMs; ;) {
      if (options.signal?.aborted === true) throw cancelled();
      const step = steps.next();
      if (step.done === true) return step.value;
      if (performance.now() < until) continue;
      await nextTurn();
      until = performance.now() + sliceMs;
    }
  }

  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    const skip = options.skipSpecial ?? true;
    const parts: Uint8Array[] = [];
    let size = 0;
    for (const id of ids) {
      if (skip && this.isSpecial(id)) continue;
      const bytes = parts.length === 0 ? this.firstTokenBytes(id) : this.tokenBytes(id);
      parts.push(bytes);
      size += bytes.length;
    }
    const all = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    const text = lossyUtf8.decode(all);
    return this.leadingSpaces === 1 && text.startsWith(' ') ? text.slice(1) : text;
  }

  tokenBytes(id: number): Uint8Array {
    const known = this.#bytes[id];
    if (known !== undefined) return known;
    const token = this.vocabularyString(id);
    if (token === null) return NO_BYTES;
    return (this.#bytes[id] = this.#parts.decoder.bytes(token));
  }

  firstTokenBytes(id: number): Uint8Array {
    const token = this.vocabularyString(id);
    return token === null ? NO_BYTES : this.#parts.decoder.firstBytes(token);
  }

  tokenString(id: number): string {
    return lossyUtf8.decode(this.tokenBytes(id));
  }

  vocabularyString(id: number): string | null {
    if (!Number.isInteger(id) || id < 0) throw invalidArgument('tokens', `${id} is not a token id.`);
    return this.#parts.vocabulary.tokens[id] ?? null;
  }

  id(token: string): number | null {
    return this.#ids.get(token) ?? null;
  }

  isSpecial(id: number): boolean {
    return this.#parts.vocabulary.specialIds.has(id);
  }

  *#encodeSteps(input: string, options: EncodeOptions): Generator<void, Int32Array> {
    if (input.length > MAX_TEXT_UNITS) {
      throw invalidArgument(
        'text',
        `The text has ${input.length} UTF-16 units; at most ${MAX_TEXT_UNITS} are encoded.`,
      );
    }
    const text = input.replace(LONE_SURROGATE, '\ufffd');
    const out = new IdBuffer();
    const literals = options.literalOffsets ?? [];
    const parseSpecial = options.parseSpecial ?? false;
    const framed = options.addSpecialTokens ?? true;
    if (framed) out.pushAll(this.#parts.frame.prefix);
    const rules: MatchRules = { parseSpecial, isLiteral: (at) => contains(literals, at, at + 1) };
    for (const segment of this.#rawMatcher.split(text, rules)) {
      if (segment.kind === 'token') out.push(segment.id);
      else {
        const { text: stretchText, start } = segment;
        const inside = within(literals, start, start + stretchText.length);
        yield* this.#encodeStretch({ text: stretchText, start, parseSpecial, literals: inside }, out);
      }
    }
    if (framed) out.pushAll(this.#parts.frame.suffix);
    return out.toArray();
  }

  *#encodeStretch(stretch: Stretch, out: IdBuffer): Generator<void, void> {
    const { encoder, preTokenize, normalize } = this.#parts;
    const normalized = normalize(stretch.text);
    const rules = this.#rulesAfter(stretch, normalized);
    let untilYield = PIECES_PER_STEP;
    for (const segment of this.#normalizedMatcher.split(normalized, rules)) {
      if (segment.kind === 'token') {
        out.push(segment.id);
        continue;
      }
      for (const piece of preTokenize(segment.text, stretch.start === 0 && segment.start === 0)) {
        if (!encoder.encodeNow(piece, out)) yield* encoder.encode(piece, out);
        if (--untilYield > 0) continue;
        untilYield = PIECES_PER_STEP;
        yield;
      }
    }
  }

  /** What may be read of a stretch that has been normalised; nothing where its literals cannot be found again. */
  #rulesAfter({ text, parseSpecial, literals }: Stretch, normalized: string): MatchRules {
    if (literals.length === 0) return { parseSpecial, isLiteral: () => false };
    const marked = this.#normalizesTokens ? markPlaces(text, literals) : null;
    const places = marked && placesAfter({ ...marked, text: this.#parts.normalize(marked.text) }, normalized);
    return { parseSpecial, isLiteral: (at) => places === null || places.has(at) };
  }
}

function cancelled(): AppError {
  return new AppError({ code: 'CANCELLED', reason: 'CANCELLED', message: 'The request was cancelled.' });
}

function tokenId(vocabulary: Vocabulary, token: string | null): number | null {
  if (token === null) return null;
  return vocabulary.added.find((added) => added.content === token)?.id ?? vocabulary.model.get(token) ?? null;
}

/** Reads a BPE tokenizer; see `createTokenizer`. */
export function createBpeTokenizer(files: Pick<TokenizerFiles, 'tokenizerJson' | 'tokenizerConfigJson'>): Tokenizer {
  const config = readTokenizerConfig(files.tokenizerConfigJson);
  const root = settleConfig(parseJsonFile('tokenizer.json', files.tokenizerJson), config);
  const vocabulary = readVocabulary(root);
  const byteAlphabet = usesByteAlphabet(root['pre_tokenizer']);
  return new BpeTokenizer({
    vocabulary,
    normalize: createNormalizer(root['normalizer']),
    preTokenize: createPreTokenizer(root['pre_tokenizer']),
    encoder: new BpeEncoder(readBpeModel(root, vocabulary.model, byteAlphabet)),
    frame: readSpecialFrame(root['post_processor']),
    decoder: readDecoder(root['decoder']),
    bosTokenId: tokenId(vocabulary, config.bosToken),
    eosTokenId: tokenId(vocabulary, config.eosToken),
  });
}
