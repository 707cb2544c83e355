/** Names this long may have two letters wrong and still mean a known one; shorter ones, a single letter. */
const LONG_NAME = 8;

/** The known name that was probably meant: the nearest by edits, if it is near enough; undefined otherwise. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestEdits = name.length >= LONG_NAME ? 3 : 2;
  for (const candidate of known) {
    const count = edits(name, candidate, bestEdits);
    if (count < bestEdits) {
      best = candidate;
      bestEdits = count;
    }
  }
  return best;
}

/** Letters to insert, delete, replace or swap with their neighbour; any number from `limit` on means too many. */
function edits(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        (above[column] ?? limit) + 1,
        (current[column - 1] ?? limit) + 1,
        (above[column - 1] ?? limit) + (same ? 0 : 1),
        swapped ? (before[column - 2] ?? limit) + 1 : limit,
      );
    }
    before = above;
    above = current;
  }
  return above[b.length] ?? limit;
}
