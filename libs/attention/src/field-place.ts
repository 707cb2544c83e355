/** Characters of another's value that an error repeats. */
export const SHOWN_CHARACTERS = 64;

/** How errors call a value in a field, such as `attention.plans[0].phase`. */
export function placeOf(field: string, path: readonly PropertyKey[]): string {
  const parts = path.map((part) =>
    typeof part === 'number' ? `[${part}]` : `.${String(part).slice(0, SHOWN_CHARACTERS)}`,
  );
  return field + parts.join('');
}
