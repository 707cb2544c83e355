import { steadyUnixMs } from '@longhaul/kernel';
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
  const controller = new AbortController();
  const deadlineMs = call?.deadlineUnixMs ?? steadyUnixMs() + defaultMs;
  const cancel = () => controller.abort(clientErrors.cancelled());
  const leftMs = () => Math.max(0, deadlineMs - steadyUnixMs());
  const timer = setTimeout(() => controller.abort(clientErrors.deadline()), leftMs());
  if (call?.signal?.aborted) cancel();
  else call?.signal?.addEventListener('abort', cancel, { once: true });
  return {
    signal: controller.signal,
    leftMs,
    close() {
      clearTimeout(timer);
      call?.signal?.removeEventListener('abort', cancel);
    },
  };
}
