import { mustReadBytes } from '@longhaul/files';
import { monotonicMs } from '@longhaul/kernel';
import { connectKvStore } from '@longhaul/kv-client';
import { crc32cTable, parseTenantSecret, type Checksum } from '@longhaul/kv-core';
import { crc32c } from '@longhaul/kv-native';
import { configInvalid } from '@longhaul/platform-config';
import { readTlsIdentity, type TlsIdentity } from '@longhaul/platform-grpc';
import type { RemoteStoreConfig } from '../../config.js';
import type { StoreConnection } from './prefix-store.js';

/** A capability is read again from its file after this long: whoever renews it replaces the file. */
const CAPABILITY_AGE_MS = 10_000;
/** A capability has some 200 bytes. */
const MAX_CAPABILITY_BYTES = 4096;

/**
 * Connects to a kv-store service, lazily: a store that is away delays nothing.
 *
 * @returns null when the configuration says `off`.
 * @throws AppError `CONFIG_INVALID`, `TLS_FILE_UNREADABLE`.
 */
export function connectStore(config: RemoteStoreConfig): StoreConnection | null {
  if (config.kvStore === 'off') return null;
  const { kvTenantSecret, kvCapabilityFile } = config;
  if (kvTenantSecret === undefined) {
    throw configInvalid(['--kv-tenant-secret: is required with --kv-store; workers that share KV share it']);
  }
  const checksum = nativeChecksum() ?? crc32cTable;
  const tls = tlsIdentity(config);
  const client = connectKvStore({
    address: config.kvStore,
    checksum,
    ...(tls ? { tls } : {}),
    ...(kvCapabilityFile === undefined ? {} : { capability: renewedFile(kvCapabilityFile) }),
  });
  return {
    store: client,
    checksum,
    tenantSecret: parseTenantSecret(kvTenantSecret),
    close: async () => client.close(),
  };
}

/** The native CRC32C; null where its addon is not built. */
function nativeChecksum(): Checksum | null {
  try {
    crc32c(new Uint8Array(1));
    return crc32c;
  } catch {
    return null;
  }
}

function tlsIdentity({ kvTlsCa: ca, kvTlsCert: cert, kvTlsKey: key }: RemoteStoreConfig): TlsIdentity | null {
  if (ca !== undefined && cert !== undefined && key !== undefined)
    return readTlsIdentity({ ca, cert, key }, '--kv-tls');
  if (ca === undefined && cert === undefined && key === undefined) return null;
  throw configInvalid(['--kv-tls-ca, --kv-tls-cert and --kv-tls-key: give all or none']);
}

function renewedFile(path: string): () => Uint8Array {
  let token: Uint8Array = readCapability(path);
  let readMs = monotonicMs();
  return () => {
    if (monotonicMs() - readMs > CAPABILITY_AGE_MS) {
      readMs = monotonicMs();
      token = readCapability(path);
    }
    return token;
  };
}

function readCapability(path: string): Uint8Array {
  return mustReadBytes({ path, maxBytes: MAX_CAPABILITY_BYTES, option: '--kv-capability-file' });
}
