import { steadyUnixMs } from '@longhaul/kernel';
import type { CallOptions } from '@longhaul/kv-core';

export interface KnownCall {
  readonly signal: AbortSignal;
  /** What was left until the deadline when the call began; null without one. */
  readonly timeoutMs: number | null;
}

/** The options of a store call: what is left is the smaller of the call's and that in the message (0: no limit). */
export function callOptions({ signal, timeoutMs }: KnownCall, messageTimeout = 0n): CallOptions {
  const timeouts = [timeoutMs, messageTimeout === 0n ? null : Number(messageTimeout)].filter((ms) => ms !== null);
  return timeouts.length === 0 ? { signal } : { signal, deadlineUnixMs: steadyUnixMs() + Math.min(...timeouts) };
}
