import type { Checksum } from '@longhaul/kv-core';
import type { TlsIdentity } from '@longhaul/platform-grpc';

/** Longest duration of calls whose caller set no deadline, milliseconds. */
export interface KvDeadlines {
  /** Handshake, lookup, leases, pins, evict, stat. */
  readonly controlMs: number;
  /** One block, from begin to commit. */
  readonly putMs: number;
  /** One chain of blocks. */
  readonly getMs: number;
}

export interface KvClientLimits {
  /** Puts and gets under way together. */
  readonly maxTransfers: number;
  /** Puts and gets that wait for a place; more fail with `KV_BUSY`. */
  readonly maxWaiting: number;
  /** Frames of a get that may be under way. */
  readonly creditFrames: number;
  /** Largest frame accepted, bytes. */
  readonly maxFrameBytes: number;
}

/** How the client treats a store that does not answer. */
export interface BreakerOptions {
  /** Deadlines missed in a row until the store counts as gone; a refused connection counts at once. */
  readonly failures: number;
  /** First pause between probes, milliseconds; doubles up to `maxProbeMs`. */
  readonly probeMs: number;
  readonly maxProbeMs: number;
}

export interface KvClientOptions {
  /** `host:port` of the store's gRPC API. */
  readonly address: string;
  /** Mutual TLS on both transports. Without it everything travels in plain text. */
  readonly tls?: TlsIdentity;
  /** The current capability token; asked for at every call, so that it can be renewed. */
  readonly capability?: () => Uint8Array;
  /** CRC32C; native where there is one. */
  readonly checksum: Checksum;
  readonly deadlines?: Partial<KvDeadlines>;
  readonly limits?: Partial<KvClientLimits>;
  readonly breaker?: Partial<BreakerOptions>;
  /** `auto`: data channels where the store has them, else gRPC frames. */
  readonly transport?: 'auto' | 'grpc';
}

const DEADLINES: KvDeadlines = { controlMs: 2_000, putMs: 30_000, getMs: 60_000 };
const LIMITS: KvClientLimits = { maxTransfers: 16, maxWaiting: 1024, creditFrames: 16, maxFrameBytes: 4 * 2 ** 20 };
const BREAKER: BreakerOptions = { failures: 3, probeMs: 250, maxProbeMs: 10_000 };

export interface CompleteOptions extends KvClientOptions {
  readonly deadlines: KvDeadlines;
  readonly limits: KvClientLimits;
  readonly breaker: BreakerOptions;
  readonly transport: 'auto' | 'grpc';
}

export function completeOptions(options: KvClientOptions): CompleteOptions {
  return {
    ...options,
    deadlines: { ...DEADLINES, ...options.deadlines },
    limits: { ...LIMITS, ...options.limits },
    breaker: { ...BREAKER, ...options.breaker },
    transport: options.transport ?? 'auto',
  };
}
