import { KEY_BYTES } from '@longhaul/kv-core';
import { invalidArgument } from '@longhaul/kernel';

/** @throws AppError `INVALID_ARGUMENT` naming the limit. */
export function checkKeys(keys: readonly Uint8Array[], maxKeys: number): void {
  if (keys.length < 1 || keys.length > maxKeys) {
    throw invalidArgument('keys', `keys has ${keys.length} entries; it needs 1 to ${maxKeys}.`, { maxKeys });
  }
  if (keys.some((key) => key.length !== KEY_BYTES)) throw invalidArgument('keys', `A key has ${KEY_BYTES} bytes.`);
}
