import { hostname } from 'node:os';
import { join } from 'node:path';
import { connectStore, type StoreConnection } from '@longhaul/decode-worker';
import { AppError } from '@longhaul/kernel';
import { parseTenantSecret } from '@longhaul/kv-core';
import { openLocalStore, storeSettings } from '@longhaul/kv-store';
import { loadConfig, longhaulHome } from '@longhaul/platform-config';
import type { HealthModel } from '@longhaul/platform-health';
import type { EventLog } from '@longhaul/platform-otel';
import type { EmbeddedConfig } from './config.js';
import { tenantSecretOf } from './tenant-secret.js';

/**
 * Opens the store that the configuration names. A local one that cannot be opened (its directory is in use by another
 * process, or broken) is done without: the server says so and serves.
 *
 * @returns null without a store.
 * @throws AppError `CONFIG_INVALID`, `TLS_FILE_UNREADABLE` for a remote one that is configured wrongly.
 */
export async function openStore(
  config: EmbeddedConfig,
  log: EventLog,
  health: HealthModel,
): Promise<StoreConnection | null> {
  if (config.kvStore !== 'local') return connectStore(config);
  const kvDir = config.kvDir ?? join(longhaulHome(), 'kv');
  try {
    return await openLocal({ config, kvDir }, log, health);
  } catch (error) {
    const { reason, message } = AppError.from(error);
    log.warning('kv-store-not-used', { kvDir, reason, message: `${message} Serving goes on without keeping KV.` });
    return null;
  }
}

async function openLocal(
  { config, kvDir }: { config: EmbeddedConfig; kvDir: string },
  log: EventLog,
  health: HealthModel,
): Promise<StoreConnection> {
  const { kvTenantSecret, kvMaxBytes, kvRamBytes } = config;
  const tenantSecret = kvTenantSecret === undefined ? await tenantSecretOf(kvDir) : parseTenantSecret(kvTenantSecret);
  const defaults = loadConfig(storeSettings, { argv: [], env: {} });
  const owner = `${hostname()}/embedded`;
  const local = await openLocalStore({ ...defaults, kvDir, kvMaxBytes, kvRamBytes }, { log, owner, health });
  return { store: local.store, checksum: local.checksum, tenantSecret, close: () => local.close() };
}
