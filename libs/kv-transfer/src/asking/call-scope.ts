import { openDeadline, steadyUnixMs } from '@longhaul/kernel';
import type { CallOptions } from '@longhaul/kv-core';
import { clientErrors } from './client-errors.js';

/** The life of one call: what ends it early, and when it must be over. */
export interface CallScope {
  /** Aborted with an AppError, by the caller or at the deadline. */
  readonly signal: AbortSignal;
  /** Milliseconds left until the deadline; 0 once it has passed. */
  leftMs(): number;
  /** The call is over: no timer stays behind. */
  close(): void;
}

/** The caller's deadline, or `defaultMs` from now. */
export function openScope(call: CallOptions | undefined, defaultMs: number): CallScope {
  const given = call?.deadlineUnixMs;
  const timeoutMs = given === undefined ? defaultMs : Math.max(0, given - steadyUnixMs());
  const deadline = openDeadline({ timeoutMs, late: clientErrors.deadline });
  // Whatever the caller's reason is, the store's client names it its own way.
  const cancel = () => deadline.abort(clientErrors.cancelled());
  if (call?.signal?.aborted) cancel();
  else call?.signal?.addEventListener('abort', cancel, { once: true });
  return {
    signal: deadline.signal,
    leftMs: deadline.leftMs,
    close() {
      deadline.dispose();
      call?.signal?.removeEventListener('abort', cancel);
    },
  };
}
