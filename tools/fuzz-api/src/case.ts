/** What has to come of a case. Whatever it is, the server must not fail: that is judged for every case. */
export type Expectation =
  | { readonly kind: 'answered' }
  /** A 4xx or the gRPC status of one. `field`: what the error has to name, itself or a part of it. */
  | { readonly kind: 'refused'; readonly statuses?: readonly number[]; readonly field?: string }
  | { readonly kind: 'either' };

interface Sent {
  readonly expect: Expectation;
  /** The client goes away after this time, or as soon as the first bytes have come where it is 0; null stays. */
  readonly cancelAfterMs: number | null;
}

/** A request as Node's HTTP client sends it. */
export interface HttpCase extends Sent {
  readonly transport: 'http';
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Buffer;
}

/** Bytes for a connection of their own, which is half closed behind them. */
export interface RawCase extends Sent {
  readonly transport: 'raw';
  readonly bytes: Buffer;
}

export interface GrpcCase extends Sent {
  readonly transport: 'grpc';
  /** Full path of the method. */
  readonly method: string;
  readonly message: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
  readonly deadlineMs: number | null;
}

export type ApiCase = HttpCase | RawCase | GrpcCase;

/** What came back. */
export type Outcome =
  | { readonly kind: 'http'; readonly status: number; readonly contentType: string; readonly text: string }
  | { readonly kind: 'grpc'; readonly code: number; readonly message: string }
  /** The connection ended without an answer. */
  | { readonly kind: 'closed'; readonly why: string }
  /** We went away before the end. */
  | { readonly kind: 'cancelled' };

export const ANSWERED: Expectation = { kind: 'answered' };
export const EITHER: Expectation = { kind: 'either' };

export function refused(field?: string, ...statuses: number[]): Expectation {
  return {
    kind: 'refused',
    ...(field === undefined ? {} : { field }),
    ...(statuses.length > 0 ? { statuses } : {}),
  };
}
