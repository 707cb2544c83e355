export type ContractionCase = 'lower' | 'any';

const APOSTROPHE = 0x27;
const ENDINGS: readonly string[] = ['s', 't', 're', 've', 'm', 'll', 'd'];
/** The long s is another case of s. */
const LONG_S = '\u017f';

function folded(text: string): string {
  return text.toLowerCase().replaceAll(LONG_S, 's');
}

/** End of an English contraction (`'s`, `'ll`) that begins at `at`; `at` where there is none. */
export function contractionEnd(text: string, at: number, letterCase: ContractionCase): number {
  if (text.charCodeAt(at) !== APOSTROPHE) return at;
  const next = text.slice(at + 1, at + 3);
  const letters = letterCase === 'any' ? folded(next) : next;
  const ending = ENDINGS.find((candidate) => letters.startsWith(candidate));
  return ending === undefined ? at : at + 1 + ending.length;
}
