import type { ServerOptions } from '@grpc/grpc-js';

/** When a bounded host ends connections that hold a place for nothing, in milliseconds. */
export interface ConnectionTimes {
  /** A connection without a call for this long gets GOAWAY and is closed. */
  idleMs: number;
  /** How often the other side is asked whether it is there, calls or not. */
  pingEveryMs: number;
  /** How long it may take to answer; then the connection is ended with its calls, which nobody hears any more. */
  pingTimeoutMs: number;
}

/** gRPC clients connect again by themselves at their next call. */
export const CONNECTION_TIMES: ConnectionTimes = { idleMs: 300_000, pingEveryMs: 60_000, pingTimeoutMs: 30_000 };

/** Most calls of one connection at a time; clients keep further ones back. */
export const MAX_CALLS_PER_CONNECTION = 1024;

/** What the library is asked for where connections are bounded: places that nobody uses become free again. */
export function connectionOptions(times: ConnectionTimes = CONNECTION_TIMES): Partial<ServerOptions> {
  return {
    'grpc.max_connection_idle_ms': times.idleMs,
    'grpc.keepalive_time_ms': times.pingEveryMs,
    'grpc.keepalive_timeout_ms': times.pingTimeoutMs,
    'grpc.max_concurrent_streams': MAX_CALLS_PER_CONNECTION,
  };
}
