import { periodOf, repeatedTokens } from '@longhaul/attention';
import { invalidArgument } from '@longhaul/kernel';
import type { ModelManifest } from '@longhaul/model';
import { needleDocument, passKeyQuestion, seededRandom } from '@longhaul/testing';
import type { Tokenizer } from '@longhaul/tokenizer';
import type { CalibrationText } from './calibration-options.js';
import type { SamplePlan } from './sample-plan.js';

const PASS_KEYS = 8;
/** Those of the end are asked for: the beginning of a text may be cut off. */
const QUESTIONS = 4;

/** The tokens of samples; the same ones in every run. */
export class SampleTokens {
  readonly #tokenizer: Tokenizer;
  readonly #manifest: Pick<ModelManifest, 'shape' | 'tokenizer'>;
  readonly #text: CalibrationText | null;
  #vocabulary: Int32Array | undefined;
  #encoded: Int32Array | undefined;

  constructor(
    tokenizer: Tokenizer,
    manifest: Pick<ModelManifest, 'shape' | 'tokenizer'>,
    text: CalibrationText | null,
  ) {
    this.#tokenizer = tokenizer;
    this.#manifest = manifest;
    this.#text = text;
  }

  /** @throws AppError `INVALID_ARGUMENT` naming `--text` where the text is shorter than a sample. */
  of({ kind, tokens, samples }: SamplePlan, index: number): number[] {
    if (kind === 'copies') return repeatedTokens(periodOf(tokens), this.#words(), seededRandom(1000 + index));
    const { addBos, bosTokenId } = this.#manifest.tokenizer;
    const begin = addBos && bosTokenId !== null ? [bosTokenId] : [];
    const wanted = tokens - begin.length;
    const own =
      this.#text === null
        ? this.#madeText(wanted, index)
        : this.#partOf(this.#text, wanted, index / Math.max(1, samples - 1));
    return [...begin, ...own];
  }

  /** Facts among filler, then questions about the last of them with their answers; the last `wanted` tokens of it. */
  #madeText(wanted: number, index: number): Int32Array {
    // A word has a token or more.
    const { text, passKeys } = needleDocument(wanted, PASS_KEYS, 100 + index);
    const asked = passKeys.slice(-QUESTIONS);
    const answers = asked.map(({ name, key }) => `${passKeyQuestion(name)}\nThe pass key of ${name} is ${key}.`);
    const all = this.#tokenizer.encode([text, ...answers].join('\n'), { addSpecialTokens: false });
    return all.subarray(Math.max(0, all.length - wanted));
  }

  /** @param where 0: the beginning, 1: the end. */
  #partOf({ name, text }: CalibrationText, wanted: number, where: number): Int32Array {
    this.#encoded ??= this.#tokenizer.encode(text, { addSpecialTokens: false });
    const spare = this.#encoded.length - wanted;
    if (spare < 0)
      throw invalidArgument(
        '--text',
        `--text: ${name} has ${this.#encoded.length} tokens; a sample has ${wanted}. See --tokens.`,
      );
    const begin = Math.floor(spare * where);
    return this.#encoded.subarray(begin, begin + wanted);
  }

  /** Ordinary tokens: what has bytes and is not special. */
  #words(): Int32Array {
    this.#vocabulary ??= Int32Array.from(
      Array.from({ length: Math.min(this.#tokenizer.vocabSize, this.#manifest.shape.vocabSize) }, (_, id) => id).filter(
        (id) => !this.#tokenizer.isSpecial(id) && this.#tokenizer.tokenBytes(id).length > 0,
      ),
    );
    return this.#vocabulary;
  }
}
