import { createPublicKey, type KeyObject } from 'node:crypto';
import { mustReadBytes } from '@longhaul/files';
import { AppError } from '@longhaul/kernel';
import { capabilityKeyId } from '@longhaul/kv-wire';

/** A PEM file with a key and remarks; several keys are several files. */
const MAX_KEY_BYTES = 65_536;
const OPTION = '--capability-keys';

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
  const pem = mustReadBytes({ path, maxBytes: MAX_KEY_BYTES, option: OPTION });
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
    throw new TypeError(`${String(key.asymmetricKeyType)} key`);
  } catch (cause) {
    throw new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'CONFIG_INVALID',
      message: `${OPTION}: ${path} is no Ed25519 public key in PEM.`,
      cause,
    });
  }
}
