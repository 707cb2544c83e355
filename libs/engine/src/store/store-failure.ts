import type { AppError } from '@longhaul/kernel';
import type { StoreHealth } from './store-health.js';
import type { StoreNamespaces, StoreSpace } from './store-namespaces.js';

/** A store that is busy or full is alive. */
const REFUSALS: readonly string[] = ['KV_BUSY', 'KV_QUOTA_EXCEEDED', 'KV_TIER_FULL'];
/** Said of one space, or of one use of it: others may be welcome. */
const NOT_ALLOWED = 'KV_CAPABILITY_RIGHT';
const NOT_AGREED = 'KV_NAMESPACE_MISMATCH';

export interface FailedCall {
  readonly space: StoreSpace;
  readonly use: 'reads' | 'writes';
}

/** Decides what is left alone for a while after a call has failed: nothing, one use of one space, or the store. */
export function noteFailure(
  error: AppError,
  { space, use }: FailedCall,
  { health, namespaces }: { health: StoreHealth; namespaces: StoreNamespaces },
): void {
  const { reason } = error;
  if (REFUSALS.includes(reason)) return;
  if (reason === NOT_ALLOWED || reason === NOT_AGREED) space[use].failed();
  else health.failed();
  // It may be another store by now, which knows of none of them.
  if (reason !== NOT_ALLOWED) namespaces.forgetHandshakes();
}
