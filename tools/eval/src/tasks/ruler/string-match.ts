/**
 * What RULER compares: the answer without white space around it, control characters as line ends. Both matches ignore case
 * and look for substrings (Hsieh et al., arXiv:2404.06654, and its evaluation code).
 */
function tidy(answer: string): string {
  return answer
    .trim()
    .replace(/[\x00-\x1f]/g, '\n')
    .trim()
    .toLowerCase();
}

const isIn = (text: string, reference: string): boolean => text.includes(reference.toLowerCase());

/** `string_match_all`: the share of the references that are somewhere in the answer. */
export function matchAll(answer: string, references: readonly string[]): number {
  const text = tidy(answer);
  return references.filter((reference) => isIn(text, reference)).length / references.length;
}

/** `string_match_part`: 1 where one of the references is in the answer. */
export function matchPart(answer: string, references: readonly string[]): number {
  const text = tidy(answer);
  return references.some((reference) => isIn(text, reference)) ? 1 : 0;
}
