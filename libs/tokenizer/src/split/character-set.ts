const PAGE = 256;

/**
 * Whether a code point is of a kind that an expression for one character tells. Asked once for each code point, 256 at
 * a time.
 */
export function characterSet(expression: RegExp): (codePoint: number) => boolean {
  const pages: (Uint8Array | undefined)[] = [];
  const fill = (page: number): Uint8Array => {
    const belongs = (_: unknown, low: number): number =>
      expression.test(String.fromCodePoint(page * PAGE + low)) ? 1 : 0;
    return (pages[page] = Uint8Array.from({ length: PAGE }, belongs));
  };
  return (codePoint) => (pages[codePoint >> 8] ?? fill(codePoint >> 8))[codePoint & 0xff] === 1;
}
