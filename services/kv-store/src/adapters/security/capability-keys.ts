import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { AppError } from '@longhaul/kernel';
import { capabilityKeyId } from '@longhaul/kv-wire';

/**
 * Public keys of the control plane from PEM files, by key id. Several are legal during a rotation.
 *
 * @throws AppError `CONFIG_INVALID`, naming the file.
 */
export function readCapabilityKeys(paths: readonly string[]): ReadonlyMap<number, KeyObject> {
  return new Map(
    paths.map((path) => {
      const key = readKey(path);
      return [capabilityKeyId(key), key] as const;
    }),
  );
}

function readKey(path: string): KeyObject {
  try {
    const key = createPublicKey(readFileSync(path));
    if (key.asymmetricKeyType === 'ed25519') return key;
    throw new TypeError(`${String(key.asymmetricKeyType)} key`);
  } catch (cause) {
    throw new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'CONFIG_INVALID',
      message: `--capability-keys: ${path} is no Ed25519 public key in PEM.`,
      cause,
    });
  }
}
