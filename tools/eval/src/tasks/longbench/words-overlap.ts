const PUNCTUATION = /[!-/:-@[-`{-~]/g;
const ARTICLES = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

/** English answers as LongBench compares them: lower case, no ASCII punctuation, no articles, single spaces. */
export function normalized(text: string): string {
  return wordsOf(text.toLowerCase().replace(PUNCTUATION, '').replace(ARTICLES, ' ')).join(' ');
}

/** F1 over the words of both, each counted as often as it is there. */
export function wordF1(answer: string, reference: string): number {
  const answered = wordsOf(normalized(answer));
  const wanted = wordsOf(normalized(reference));
  const left = countsOf(wanted);
  let common = 0;
  for (const word of answered) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    common++;
  }
  if (common === 0) return 0;
  const precision = common / answered.length;
  const recall = common / wanted.length;
  return (2 * precision * recall) / (precision + recall);
}

/** Parts between white space; none of an empty text. */
export function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function countsOf(words: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}
