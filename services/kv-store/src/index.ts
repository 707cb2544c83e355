export { createStoreCore } from './core/create-store-core.js';
export { SILENT_OBSERVER } from './core/ports.js';
export type {
  EventSink,
  Labels,
  RandomBytes,
  StoreClock,
  StoreCounter,
  StoreGauge,
  StoreObserver,
} from './core/ports.js';
export { RamTier } from './core/tiers/index.js';
export type { StoreCore } from './core/store-core.js';
export { DEFAULT_LIMITS, UNLIMITED_TENANTS } from './core/store-options.js';
export type {
  LowerTier,
  StoreCoreOptions,
  StoreLimits,
  TenantLimits,
  TenantTable,
  WriteMode,
} from './core/store-options.js';
export { kvStoreSettings, storeSettings } from './config.js';
export type { KvStoreConfig, StoreConfig } from './config.js';
export { createKvStoreServer } from './kv-store-server.js';
export type { KvListenConfig, KvServerParts, KvStoreServer } from './kv-store-server.js';
export { startKvStore } from './start-kv-store.js';
export type { RunningKvStore, RunningParts } from './start-kv-store.js';
export { openLocalStore } from './open-local-store.js';
export type { LocalStore, LocalStoreParts } from './open-local-store.js';
export { openDiskTier, openLogFolder, readLoggedBlock, requireLogFolder, verifyLog } from './offline/index.js';
export type { DiskTier, LoggedBlock, LogItem, LogListing, VerifyReport } from './offline/index.js';
