/** Distinguished Encoding Rules, as much as a certificate needs. */
export const der = {
  sequence: (...parts: readonly Uint8Array[]): Buffer => tagged(0x30, ...parts),
  set: (...parts: readonly Uint8Array[]): Buffer => tagged(0x31, ...parts),
  /** A positive number from its big-endian bytes. */
  integer: (bytes: Uint8Array): Buffer => {
    const first = bytes.findIndex((byte) => byte !== 0);
    const trimmed = first < 0 ? Buffer.from([0]) : bytes.subarray(first);
    return (trimmed[0] ?? 0) >= 0x80 ? tagged(0x02, Buffer.from([0]), trimmed) : tagged(0x02, trimmed);
  },
  boolean: (value: boolean): Buffer => tagged(0x01, Buffer.from([value ? 0xff : 0])),
  bitString: (bytes: Uint8Array, unusedBits = 0): Buffer => tagged(0x03, Buffer.from([unusedBits]), bytes),
  octetString: (bytes: Uint8Array): Buffer => tagged(0x04, bytes),
  utf8: (text: string): Buffer => tagged(0x0c, Buffer.from(text, 'utf8')),
  /** `1.2.840...`; the first two numbers must be below 40 each. */
  oid: (dotted: string): Buffer => {
    const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
    return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
  },
  /** Years 1950 to 2049. */
  time: (date: Date): Buffer => {
    const digits = date.toISOString().replace(/[-:T]/g, '').slice(2, 14);
    return tagged(0x17, Buffer.from(`${digits}Z`, 'ascii'));
  },
  /** A context-specific tag, constructed or primitive. */
  context: (number: number, constructed: boolean, ...parts: readonly Uint8Array[]): Buffer =>
    tagged(0x80 | (constructed ? 0x20 : 0) | number, ...parts),
};

function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(body.length)]), body]);
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return [0x80 | bytes.length, ...bytes];
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}
