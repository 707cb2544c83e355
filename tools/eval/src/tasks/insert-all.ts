/** Parts that the draws of a sample depend on: seed, task, length and number. */
export type Origin = readonly (string | number)[];

/** Puts each needle before the unit at its place. @param places ascending. */
export function insertAll(units: readonly string[], places: readonly number[], needles: readonly string[]): string[] {
  const result: string[] = [];
  let next = 0;
  units.forEach((unit, at) => {
    for (; places[next] === at; next++) result.push(needles[next] ?? '');
    result.push(unit);
  });
  return [...result, ...needles.slice(next)];
}
