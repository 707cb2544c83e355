/** The Castagnoli polynomial, bits reversed: bit 31 is x^0. */
const POLYNOMIAL = 0x82f63b78;
const ONE = 0x80000000;

/** `x^(2^k)` modulo the polynomial. 44 entries reach lengths of 2^40 bytes. */
const SQUARES = squares(44);

function squares(count: number): Uint32Array {
  const table = new Uint32Array(count);
  table[0] = ONE >>> 1;
  for (let k = 1; k < count; k++) table[k] = multiply(table[k - 1] as number, table[k - 1] as number);
  return table;
}

/** Product of two polynomials over GF(2), modulo the polynomial of the CRC. */
function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 31; bit >= 0; bit--) {
    if ((a >>> bit) & 1) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
  }
  return product >>> 0;
}

/** What `length` bytes after a CRC do to it. Computed once for parts of equal length. */
export function crc32cShift(length: number): number {
  let shift = ONE;
  for (let k = 3, rest = length; rest > 0; k++, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) shift = multiply(SQUARES[k] as number, shift);
  }
  return shift >>> 0;
}

/**
 * CRC32C of two byte strings one after the other, from their CRCs alone.
 *
 * @param shift `crc32cShift` of the second string's length.
 */
export function crc32cCombine(first: number, second: number, shift: number): number {
  return (multiply(shift, first) ^ second) >>> 0;
}
