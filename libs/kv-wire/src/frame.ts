import type { Checksum } from '@longhaul/kv-core';

/** What a frame of a data channel is. `put` and `get` carry the messages of the gRPC calls, in both directions. */
export const FrameKind = {
  /** First from the client: the one-time token. */
  hello: 1,
  /** The store's answer to it. */
  ready: 2,
  put: 3,
  get: 4,
  /** The operation ended with an error; the channel goes on. */
  failure: 5,
  /** The client no longer wants the operation. */
  cancel: 6,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

export interface Frame {
  readonly kind: FrameKind;
  /** Which operation of the channel it belongs to; frames of earlier ones are stale and skipped. */
  readonly operation: number;
  /** Protobuf bytes, payload included. */
  readonly body: Buffer;
}

/**
 * Header, 20 bytes, little-endian: u32 body bytes, u8 kind, 3 zero bytes, u32 operation, u32 payload bytes (the tail of
 * the body), u32 CRC32C over the 16 bytes before it and the body without its payload. The payload has the checksum of
 * its message: nothing is summed twice.
 */
export const FRAME_HEADER_BYTES = 20;
/** What a frame may have beyond the largest payload: prefixes, and keys of a get. */
export const FRAME_SLACK_BYTES = 2 ** 20;

export interface FrameParts {
  readonly kind: FrameKind;
  readonly operation: number;
  readonly prefix: Uint8Array;
  readonly payload: Uint8Array;
}

/** Header and prefix of a frame; the payload goes behind it. */
export function frameStart({ kind, operation, prefix, payload }: FrameParts, checksum: Checksum): Buffer {
  const start = Buffer.allocUnsafe(FRAME_HEADER_BYTES + prefix.length);
  start.writeUInt32LE(prefix.length + payload.length, 0);
  start.writeUInt32LE(kind, 4);
  start.writeUInt32LE(operation, 8);
  start.writeUInt32LE(payload.length, 12);
  start.writeUInt32LE(checksum(prefix, checksum(start.subarray(0, 16))), 16);
  start.set(prefix, FRAME_HEADER_BYTES);
  return start;
}
