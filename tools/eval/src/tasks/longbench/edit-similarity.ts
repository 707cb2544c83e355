/** From this length on characters that make up over a hundredth of a text begin no match. */
const POPULAR_FROM = 200;

/**
 * Similarity of two lines of code as LongBench takes it from `fuzzywuzzy`: 2M/T of Python's SequenceMatcher in whole
 * hundredths, halves to the even one. With python-Levenshtein installed that package finds slightly other blocks.
 *
 * @returns 0 to 1; 0 where one of them is empty.
 */
export function editSimilarity(a: string, b: string): number {
  if (a === b) return 1;
  if (a === '' || b === '') return 0;
  const [first, second] = [[...a], [...b]];
  const matches = matchedCount(first, second);
  return halfEven((200 * matches) / (first.length + second.length)) / 100;
}

/** Characters in all matching blocks: the longest one, then the same left and right of it. */
function matchedCount(a: readonly string[], b: readonly string[]): number {
  const places = placesOf(b);
  const open: Range[] = [[0, a.length, 0, b.length]];
  let count = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [aLow, aHigh, bLow, bHigh] = next;
    const { i, j, size } = longestBlock({ a, b, places }, next);
    if (size === 0) continue;
    count += size;
    open.push([aLow, i, bLow, j], [i + size, aHigh, j + size, bHigh]);
  }
  return count;
}

interface Texts {
  readonly a: readonly string[];
  readonly b: readonly string[];
  readonly places: ReadonlyMap<string, readonly number[]>;
}

type Range = readonly [aLow: number, aHigh: number, bLow: number, bHigh: number];

/** The longest block in a range, of several the first in `a`, then the first in `b`. */
function longestBlock({ a, b, places }: Texts, [aLow, aHigh, bLow, bHigh]: Range) {
  let best = { i: aLow, j: bLow, size: 0 };
  let endingAt = new Map<number, number>();
  for (let i = aLow; i < aHigh; i++) {
    const ending = new Map<number, number>();
    for (const j of places.get(a[i] ?? '') ?? []) {
      if (j < bLow || j >= bHigh) continue;
      const size = (endingAt.get(j - 1) ?? 0) + 1;
      ending.set(j, size);
      if (size > best.size) best = { i: i - size + 1, j: j - size + 1, size };
    }
    endingAt = ending;
  }
  return grown({ a, b }, best, [aLow, aHigh, bLow, bHigh]);
}

/** Popular characters begin no block, but a block goes on over them. */
function grown({ a, b }: Pick<Texts, 'a' | 'b'>, block: { i: number; j: number; size: number }, range: Range) {
  const [aLow, aHigh, bLow, bHigh] = range;
  let { i, j, size } = block;
  while (i > aLow && j > bLow && a[i - 1] === b[j - 1]) {
    i--;
    j--;
    size++;
  }
  while (i + size < aHigh && j + size < bHigh && a[i + size] === b[j + size]) size++;
  return { i, j, size };
}

function placesOf(b: readonly string[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  b.forEach((character, j) => {
    const known = places.get(character);
    if (known === undefined) places.set(character, [j]);
    else known.push(j);
  });
  if (b.length < POPULAR_FROM) return places;
  const most = Math.floor(b.length / 100) + 1;
  return new Map([...places].filter(([, found]) => found.length <= most));
}

/** As Python rounds. */
function halfEven(value: number): number {
  const down = Math.floor(value);
  if (value - down !== 0.5) return Math.round(value);
  return down % 2 === 0 ? down : down + 1;
}
