import { invalidArgument } from '@longhaul/kernel';
import { MAX_TEXT_UNITS } from '../limits.js';

/** Rewrites a stretch of text, with pauses. Never called with the empty string. */
export type Normalizer = (text: string) => Generator<void, string>;

/** Puts the pieces of a rewritten text together and bounds them: some rewriting makes eighteen characters of one. */
export class TextParts {
  readonly #parts: string[] = [];
  #units = 0;

  /** @throws AppError INVALID_ARGUMENT naming `text` when it has become too long */
  push(part: string): void {
    this.#units += part.length;
    if (this.#units > MAX_TEXT_UNITS) {
      throw invalidArgument('text', `The text has more than ${MAX_TEXT_UNITS} UTF-16 units when it is normalised.`);
    }
    this.#parts.push(part);
  }

  join(): string {
    return this.#parts.length === 1 ? (this.#parts[0] ?? '') : this.#parts.join('');
  }
}

/** Runs a rewriting to its end without pauses: for short texts. */
export function normalizeNow(normalizer: Normalizer, text: string): string {
  const steps = normalizer(text);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** `at`, or one unit further where that would cut a character in two. */
export function wholeCharacters(text: string, at: number): number {
  return at < text.length && at > 0 && (text.codePointAt(at - 1) ?? 0) > 0xffff ? at + 1 : at;
}
