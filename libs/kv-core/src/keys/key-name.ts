/** A key (or another short byte string) as the key of a map: one character a byte. Never shown to anyone. */
export function keyName(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

/** The inverse of `keyName`. */
export function bytesOfName(name: string): Uint8Array {
  return Buffer.from(name, 'latin1');
}
