import type { CallOptions } from '@longhaul/kv-core';

export interface KnownCall {
  readonly signal: AbortSignal;
  /** Unix milliseconds, or null without a deadline. */
  readonly deadlineMs: number | null;
}

/** The options of a store call: the deadline is the earlier of the call's and that in the message (0: none). */
export function callOptions({ signal, deadlineMs }: KnownCall, messageDeadline = 0n): CallOptions {
  const deadlines = [deadlineMs, messageDeadline === 0n ? null : Number(messageDeadline)].filter((ms) => ms !== null);
  return deadlines.length === 0 ? { signal } : { signal, deadlineUnixMs: Math.min(...deadlines) };
}
