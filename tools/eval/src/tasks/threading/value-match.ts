/** A value is right where the answer, without white space and quotes before it, begins with it. */
export function matchValue(answer: string, references: readonly string[]): number {
  const [reference = ''] = references;
  return unquoted(answer).startsWith(reference) ? 1 : 0;
}

/**
 * The share of the references that are among the values of the answer. Values behind as many as there are references do
 * not count: an answer that lists everything is not right.
 */
export function matchValues(answer: string, references: readonly string[]): number {
  const values = new Set(listed(answer).slice(0, references.length));
  return references.filter((reference) => values.has(reference)).length / references.length;
}

const UUID = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g;

/** The UUIDs of an answer in order: models write lists in many ways. */
function listed(answer: string): string[] {
  return [...answer.matchAll(UUID)].map(([uuid]) => uuid);
}

function unquoted(answer: string): string {
  return answer.replace(/^[\s"'`]+/, '');
}
