import { status, type Metadata } from '@grpc/grpc-js';
import { monotonicMs } from '@longhaul/kernel';
import { reasonOfStatus } from './status.js';

/** How a call ended, for its counter and its log line. */
export interface CallEnd {
  /** Full name of the method, or `unmatched`. */
  method: string;
  /** Name of the gRPC status; `CANCELLED` where the client went before there was one. */
  status: string;
  /** `OK`, or the stable reason of the error. */
  reason: string;
  durationMs: number;
  requestId: string | undefined;
  /** Whose call it was, where a handler has said so. */
  tenant?: string | undefined;
  /** Runs an action where the call's trace is the current one. */
  inTrace: (action: () => void) => void;
}

/** What a handler may add to its call's log line. */
export type CallNotes = Partial<Pick<CallEnd, 'requestId' | 'tenant' | 'inTrace'>>;

/**
 * A client's time runs out before ours, since it began earlier, and all that comes here is that it cancels. Whoever does
 * so this shortly before the deadline was at its own.
 */
const CLIENT_LEAD_MS = 100;

/** What a host keeps of one call. */
export class CallInfo {
  readonly #method: string;
  readonly #startMs = monotonicMs();
  #notes: CallNotes = {};
  #code: status | null = null;
  #reason = 'OK';
  #ended = false;

  constructor(
    method: string,
    /** A point of the monotonic clock, or null. */
    readonly deadlineMs: number | null,
  ) {
    this.#method = method;
  }

  /** Whether the call has its status, so that nothing of it is to be begun any more. */
  get answered(): boolean {
    return this.#code !== null;
  }

  /** Whether the call was ended because its deadline passed, here or at the client. */
  get late(): boolean {
    if (this.#code !== null) return this.#code === status.DEADLINE_EXCEEDED;
    return this.deadlineMs !== null && monotonicMs() >= this.deadlineMs - CLIENT_LEAD_MS;
  }

  /** Notes the status that the call ends with; the first one stays, since only that is sent. */
  note(code: status, metadata: Metadata | undefined): void {
    if (this.#code !== null) return;
    this.#code = code;
    this.#reason = reasonOfStatus(code, metadata);
  }

  annotate(notes: CallNotes): void {
    this.#notes = { ...this.#notes, ...notes };
  }

  /** Ends it; null when it had ended before. */
  end(): CallEnd | null {
    if (this.#ended) return null;
    this.#ended = true;
    const code = this.#code ?? (this.late ? status.DEADLINE_EXCEEDED : status.CANCELLED);
    return {
      method: this.#method,
      status: status[code] ?? String(code),
      reason: this.#code === null ? (status[code] ?? 'CANCELLED') : this.#reason,
      durationMs: Math.round(monotonicMs() - this.#startMs),
      requestId: this.#notes.requestId,
      tenant: this.#notes.tenant,
      inTrace: this.#notes.inTrace ?? ((action) => action()),
    };
  }
}

const infos = new WeakMap<Metadata, CallInfo>();

/** Ties the info to the call's metadata, the one object that interceptor and handler both see. */
export function keepInfo(metadata: Metadata, info: CallInfo): void {
  infos.set(metadata, info);
}

export function infoOf(metadata: Metadata): CallInfo | undefined {
  return infos.get(metadata);
}
