import type { Namespace } from '@longhaul/kv-core';

/** What one that opened a channel may do there; whoever hands out tokens decides it. */
export interface TransferGrant {
  /** @throws AppError where it may not put (`write`) or get (`read`) blocks of the namespace, or not any more. */
  require(right: 'read' | 'write', namespace: Namespace): void;
}
