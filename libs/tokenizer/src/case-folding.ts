const LAST_CASED = 0x1ffff;
/** Has an upper case without being one of its cases. */
const DOTLESS_I = 0x131;

let byFold: Map<number, number[]> | undefined;

/** The one case that all cases of a character share (Unicode's simple folding); the character itself where it has none. */
function fold(codePoint: number): number {
  if (codePoint === DOTLESS_I) return codePoint;
  const upper = single(String.fromCodePoint(codePoint).toUpperCase()) ?? codePoint;
  return single(String.fromCodePoint(upper).toLowerCase()) ?? upper;
}

/** The only code point of a text, where it has no other. */
function single(text: string): number | undefined {
  const codePoint = text.codePointAt(0);
  return codePoint !== undefined && text.length === String.fromCodePoint(codePoint).length ? codePoint : undefined;
}

function table(): Map<number, number[]> {
  if (byFold !== undefined) return byFold;
  byFold = new Map();
  for (let codePoint = 0; codePoint <= LAST_CASED; codePoint++) {
    const folded = fold(codePoint);
    if (folded === codePoint) continue;
    const cases = byFold.get(folded);
    if (cases === undefined) byFold.set(folded, [folded, codePoint]);
    else cases.push(codePoint);
  }
  return byFold;
}

/** All cases of a character, itself among them: `s`, `S` and the long s. */
export function casesOf(codePoint: number): readonly number[] {
  return table().get(fold(codePoint)) ?? [codePoint];
}

/** The cases of the characters from `first` to `last` that lie outside that range. */
export function casesBeyond(first: number, last: number): number[] {
  const beyond: number[] = [];
  for (const cases of table().values()) {
    if (!cases.some((one) => one >= first && one <= last)) continue;
    beyond.push(...cases.filter((one) => one < first || one > last));
  }
  return beyond;
}
