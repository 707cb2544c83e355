import { kvErrors } from '../errors.js';

/** Length of chain keys, namespace names and fingerprints. */
export const KEY_BYTES = 32;

/** Refuses a value that has not the length of its kind, by name. */
export function checkBytes(field: string, value: Uint8Array, length = KEY_BYTES): void {
  if (value.length !== length)
    throw kvErrors.argument(field, `${field} has ${value.length} bytes; it needs ${length}.`);
}

/** ASCII text of a hash's domain, as bytes. */
export function ascii(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
