/** What a score may look at beside answer and reference. */
export interface LabelContext {
  /** All labels of a classification. */
  readonly classes: readonly string[];
}

/**
 * One over the number of labels in the answer, where the right one is among them. Labels that are parts of the right one do not
 * count. LongBench removes them while it walks over the list, which skips the label behind each; so does this.
 */
export function classification(answer: string, reference: string, { classes }: LabelContext): number {
  const found = classes.filter((name) => answer.includes(name));
  for (let i = 0; i < found.length; i++) {
    const name = found[i] ?? '';
    if (name !== reference && reference.includes(name)) found.splice(found.indexOf(name), 1);
  }
  return found.includes(reference) ? 1 / found.length : 0;
}

/** The share of the numbers in an answer that are the reference's. @param pattern finds the number in the reference. */
export function numberShare(answer: string, reference: string, pattern: RegExp): number {
  const wanted = pattern.exec(reference)?.[1];
  const numbers = answer.match(/\d+/g) ?? [];
  if (wanted === undefined || numbers.length === 0) return 0;
  return numbers.filter((number) => number === wanted).length / numbers.length;
}

/** The first line of an answer that is code: no fence, no comment. */
export function codeLine(answer: string): string {
  const lines = answer.replace(/^\n+/, '').split('\n');
  return lines.find((line) => !line.includes('`') && !line.includes('#') && !line.includes('//')) ?? '';
}
