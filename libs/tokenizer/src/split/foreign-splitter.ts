import { AppError } from '@longhaul/kernel';
import type { Span, Splitter } from './splitter.js';

/** A match of millions of characters overflows the stack of the expression engine; that is the text's fault. */
function search(pattern: RegExp, text: string): RegExpExecArray | null {
  try {
    return pattern.exec(text);
  } catch (cause) {
    throw new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'TEXT_RUN_TOO_LONG',
      field: 'text',
      message: "The text has a run of characters that is too long for the tokenizer's expression.",
      cause,
    });
  }
}

/**
 * Splits by any expression. How long it takes is the expression's affair: never run this where others wait.
 *
 * @param emptyMatches gives matches of nothing, too: they are replaced, but split nothing
 */
export function foreignSplitter(compile: () => RegExp, emptyMatches: boolean): Splitter {
  let compiled: RegExp | undefined;
  return function* (text): Generator<Span, void> {
    const pattern = (compiled ??= compile());
    let end = 0;
    for (let from = 0; ;) {
      // Set before every search: another encode may run between two steps of this generator.
      pattern.lastIndex = from;
      const found = search(pattern, text);
      if (found === null) break;
      const { 0: match, index } = found;
      from = pattern.lastIndex;
      if (match === '' && !emptyMatches) {
        from += (text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1;
        continue;
      }
      if (index > end) yield { text: text.slice(end, index), match: false };
      yield { text: match, match: true };
      end = from;
      if (match !== '') continue;
      from += (text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1;
      if (from > text.length) break;
    }
    if (end < text.length) yield { text: text.slice(end), match: false };
  };
}
