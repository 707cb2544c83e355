const { imul } = Math;

/** 32-bit mixing (murmur finaliser): every input bit changes about half of the output bits. */
export function mix(a: number, b: number): number {
  let h = (a ^ imul(b + 0x9e3779b9, 0x85ebca6b)) | 0;
  h = imul(h ^ (h >>> 16), 0x85ebca6b);
  h = imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
