import { AppError, invalidArgument, runInSlices } from '@longhaul/kernel';
import type { TokenizerFiles } from '@longhaul/inference';
import { AddedTokenMatcher, type MatchRules } from './added-tokens.js';
import { BpeEncoder } from './bpe-encoder.js';
import { isControlToken } from './control-tokens.js';
import { readBpeModel } from './bpe-model.js';
import { IdBuffer } from './id-buffer.js';
import { parseJsonFile } from './json.js';
import { MAX_TEXT_UNITS } from './limits.js';
import { markPlaces, placesAfter } from './literal-places.js';
import { normalizeNow } from './normalize/steps.js';
import { createNormalizer, type Normalizer } from './normalizer.js';
import { readSpecialFrame, type SpecialFrame } from './post-processor.js';
import { createPreTokenizer, NO_PIECE, usesByteAlphabet, type PreTokenizer } from './pre-tokenizer.js';
import { PatternReader } from './split/pattern-reader.js';
import { settleConfig } from './settle-config.js';
import { readDecoder, type TokenDecoder } from './token-bytes.js';
import { readTokenizerConfig } from './tokenizer-config.js';
import type { DecodeOptions, EncodeAsyncOptions, EncodeOptions, Tokenizer } from './tokenizer.js';
import { readVocabulary, type Vocabulary } from './vocabulary.js';

const PIECES_PER_STEP = 256;
/** Tokens that are put together at a time: at most some megabytes, whatever the tokens are. */
const TOKENS_PER_SLICE = 1024;
const NO_BYTES = new Uint8Array(0);
const LOSSY_UTF8 = { ignoreBOM: true };
const lossyUtf8 = new TextDecoder('utf-8', LOSSY_UTF8);

interface Parts {
  vocabulary: Vocabulary;
  normalize: Normalizer;
  preTokenize: PreTokenizer;
  encoder: BpeEncoder;
  frame: SpecialFrame;
  decoder: TokenDecoder;
  bosTokenId: number | null;
  eosTokenId: number | null;
  foreignPatterns: readonly string[];
  runsForeignPatterns: boolean;
}

/** Text between tokens that are found before normalising. */
interface Stretch {
  text: string;
  /** Offset in the whole text. */
  start: number;
  parseSpecial: boolean;
  /** Offsets in `text` at which no added token is to be read. */
  literals: Int32Array;
}

/** Index of the first offset that is at least `wanted`. */
function lowerBound(offsets: ArrayLike<number>, wanted: number): number {
  let low = 0;
  let high = offsets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((offsets[middle] ?? 0) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

function contains(offsets: ArrayLike<number>, start: number, end: number): boolean {
  return (offsets[lowerBound(offsets, start)] ?? Infinity) < end;
}

/** The offsets in a range, counted from its start. */
function within(offsets: Int32Array, start: number, end: number): Int32Array {
  return offsets.slice(lowerBound(offsets, start), lowerBound(offsets, end)).map((offset) => offset - start);
}

class BpeTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | null;
  readonly leadingSpaces: 0 | 1;
  readonly controlTokens: readonly string[];
  readonly addedTokens: readonly string[];
  readonly foreignPatterns: readonly string[];
  readonly #parts: Parts;
  readonly #rawMatcher: AddedTokenMatcher;
  #normalizedMatcher: AddedTokenMatcher | undefined;
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
    this.#normalizesTokens = added.some((token) => token.normalized);
    this.foreignPatterns = parts.foreignPatterns;
  }

  encode(text: string, options: EncodeOptions = {}): Int32Array {
    const steps = this.#encodeSteps(text, options);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  }

  // Async, so that a refusal is a rejection.
  async encodeAsync(text: string, options: EncodeAsyncOptions = {}): Promise<Int32Array> {
    return runInSlices(this.#encodeSteps(text, options), options);
  }

  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    return [...this.decodeSlices(ids, options)].join('');
  }

  *decodeSlices(ids: Iterable<number>, options: DecodeOptions = {}): Generator<string, void> {
    const skip = options.skipSpecial ?? true;
    const utf8 = new TextDecoder('utf-8', LOSSY_UTF8);
    let spaces: number = this.leadingSpaces;
    let first = true;
    let held: Uint8Array[] = [];
    const flush = (more: boolean): string => {
      const text = utf8.decode(Buffer.concat(held), { stream: more });
      held = [];
      if (text === '' || spaces === 0) return text;
      spaces = 0;
      return text.startsWith(' ') ? text.slice(1) : text;
    };
    let count = 0;
    for (const id of ids) {
      if (++count % TOKENS_PER_SLICE === 0) yield flush(true);
      if (skip && this.isSpecial(id)) continue;
      held.push(first ? this.firstTokenBytes(id) : this.tokenBytes(id));
      first = false;
    }
    yield flush(false);
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
    if (input !== '') this.#refuseForeign();
    const text = input.toWellFormed();
    const out = new IdBuffer();
    const literals = Int32Array.from(options.literalOffsets ?? []);
    const parseSpecial = options.parseSpecial ?? false;
    const framed = options.addSpecialTokens ?? true;
    if (framed) out.pushAll(this.#parts.frame.prefix);
    const rules: MatchRules = { parseSpecial, isLiteral: (at) => contains(literals, at, at + 1) };
    for (const segment of this.#rawMatcher.split(text, rules)) {
      if (segment.kind === 'pause') yield;
      else if (segment.kind === 'token') out.push(segment.id);
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
    const matcher = (this.#normalizedMatcher ??= this.#createNormalizedMatcher());
    const normalized = yield* normalize(stretch.text);
    const rules = yield* this.#rulesAfter(stretch, normalized);
    let untilYield = PIECES_PER_STEP;
    for (const segment of matcher.split(normalized, rules)) {
      if (segment.kind === 'pause') {
        yield;
        continue;
      }
      if (segment.kind === 'token') {
        out.push(segment.id);
        continue;
      }
      for (const piece of preTokenize(segment.text, stretch.start === 0 && segment.start === 0)) {
        if (piece === NO_PIECE) {
          yield;
          continue;
        }
        if (!encoder.encodeNow(piece, out)) yield* encoder.encode(piece, out);
        if (--untilYield > 0) continue;
        untilYield = PIECES_PER_STEP;
        yield;
      }
    }
  }

  /** What may be read of a stretch that has been normalised; nothing where its literals cannot be found again. */
  *#rulesAfter({ text, parseSpecial, literals }: Stretch, normalized: string): Generator<void, MatchRules> {
    if (literals.length === 0) return { parseSpecial, isLiteral: () => false };
    const marked = this.#normalizesTokens ? yield* markPlaces(text, literals) : null;
    const after = marked && { ...marked, text: yield* this.#parts.normalize(marked.text) };
    const places = after && (yield* placesAfter(after, normalized));
    return { parseSpecial, isLiteral: (at) => places === null || contains(places, at, at + 1) };
  }

  /** Not before it is needed: normalising runs the checkpoint's expressions. */
  #createNormalizedMatcher(): AddedTokenMatcher {
    const { vocabulary, normalize } = this.#parts;
    const normalized = vocabulary.added.filter((token) => token.normalized);
    return new AddedTokenMatcher(
      normalized.map((token) => ({
        spelling: token.normalizedSpelling ?? normalizeNow(normalize, token.content),
        token,
      })),
    );
  }

  /** Here everybody waits for everybody else; what may take for ever runs elsewhere. */
  #refuseForeign(): void {
    if (this.foreignPatterns.length === 0 || this.#parts.runsForeignPatterns) return;
    throw new AppError({
      code: 'FAILED_PRECONDITION',
      reason: 'FOREIGN_PATTERN',
      message: "The tokenizer's own expressions are run in a sandbox only.",
    });
  }
}

function tokenId(vocabulary: Vocabulary, token: string | null): number | null {
  if (token === null) return null;
  return vocabulary.added.find((added) => added.content === token)?.id ?? vocabulary.model.get(token) ?? null;
}

type Files = Pick<TokenizerFiles, 'tokenizerJson' | 'tokenizerConfigJson'>;

/** Reads a BPE tokenizer; see `createTokenizer`. */
export function createBpeTokenizer(files: Files, runsForeignPatterns: boolean): Tokenizer {
  const config = readTokenizerConfig(files.tokenizerConfigJson);
  const root = settleConfig(parseJsonFile('tokenizer.json', files.tokenizerJson), config);
  const vocabulary = readVocabulary(root);
  const byteAlphabet = usesByteAlphabet(root['pre_tokenizer']);
  const patterns = new PatternReader();
  return new BpeTokenizer({
    vocabulary,
    normalize: createNormalizer(root['normalizer'], patterns),
    preTokenize: createPreTokenizer(root['pre_tokenizer'], patterns),
    encoder: new BpeEncoder(readBpeModel(root, vocabulary.model, byteAlphabet)),
    frame: readSpecialFrame(root['post_processor']),
    decoder: readDecoder(root['decoder']),
    bosTokenId: tokenId(vocabulary, config.bosToken),
    eosTokenId: tokenId(vocabulary, config.eosToken),
    foreignPatterns: patterns.foreign,
    runsForeignPatterns,
  });
}
