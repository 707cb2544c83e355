export type { BreakerState } from './breaker.js';
export { connectKvStore } from './connect.js';
export type { KvStoreClient } from './connect.js';
export type { BreakerOptions, KvClientLimits, KvClientOptions, KvDeadlines } from './options.js';
