import type { Checksum } from '@longhaul/kv-core';
import { frameErrors } from './frame-errors.js';
import { FRAME_HEADER_BYTES, FrameKind, type Frame } from './frame.js';

export interface FrameParserOptions {
  readonly checksum: Checksum;
  /** Largest body accepted; checked before memory is taken for it. */
  readonly maxBodyBytes: number;
}

const SCRATCH_BYTES = 64 * 1024;
/** Shorter rests of a body are read together with what follows them. */
const DIRECT_BYTES = 32 * 1024;
/** Bodies kept for reuse: what the windows of a channel hold, no more. */
const MAX_SPARE_BODIES = 8;

/**
 * Turns the bytes of a stream into frames. Bytes come either as chunks (`push`), or are read by the caller into
 * `target()` and announced with `took`: the long part of a large frame is then read where it stays.
 */
export class FrameParser {
  readonly #options: FrameParserOptions;
  readonly #emit: (frame: Frame) => void;
  readonly #header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  #headerFilled = 0;
  #body: Buffer | null = null;
  #bodyFilled = 0;
  #scratch: Buffer | null = null;
  #direct = false;
  readonly #spare: Buffer[] = [];

  constructor(options: FrameParserOptions, emit: (frame: Frame) => void) {
    this.#options = options;
    this.#emit = emit;
  }

  /** @throws AppError `KV_CORRUPT`, `FRAME_TOO_LARGE` or `PROTOCOL_ERROR`; the stream cannot be read on after that. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) at += this.#body ? this.#fillBody(bytes, at) : this.#fillHeader(bytes, at);
  }

  target(): Uint8Array {
    this.#direct = this.#body !== null && this.#body.length - this.#bodyFilled >= DIRECT_BYTES;
    if (this.#direct && this.#body) return this.#body.subarray(this.#bodyFilled);
    this.#scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    return this.#scratch;
  }

  /** So many bytes were read into the last `target()`. Throws as `push` does. */
  took(count: number): void {
    if (!this.#direct) {
      if (this.#scratch) this.push(this.#scratch.subarray(0, count));
      return;
    }
    this.#bodyFilled += count;
    this.#finishIfFull();
  }

  /** A body that nobody reads any more: its memory is used for a later frame. */
  recycle(body: Buffer): void {
    // Shorter ones lie in memory that the runtime shares with buffers of others.
    const own = body.length >= DIRECT_BYTES && body.byteOffset === 0;
    if (own && this.#spare.length < MAX_SPARE_BODIES) this.#spare.push(Buffer.from(body.buffer));
  }

  #allocate(bytes: number): Buffer {
    if (bytes < DIRECT_BYTES) return Buffer.allocUnsafe(bytes);
    const index = this.#spare.findIndex((buffer) => buffer.length >= bytes);
    const found = index < 0 ? undefined : this.#spare.splice(index, 1)[0];
    // Sizes that come again: a large frame differs from the next by a few bytes of its prefix.
    return (found ?? Buffer.allocUnsafeSlow(roundUp(bytes))).subarray(0, bytes);
  }

  #fillHeader(bytes: Uint8Array, at: number): number {
    const count = Math.min(FRAME_HEADER_BYTES - this.#headerFilled, bytes.length - at);
    this.#header.set(bytes.subarray(at, at + count), this.#headerFilled);
    this.#headerFilled += count;
    if (this.#headerFilled === FRAME_HEADER_BYTES) this.#openBody();
    return count;
  }

  #openBody(): void {
    const bytes = this.#header.readUInt32LE(0);
    if (bytes > this.#options.maxBodyBytes) throw frameErrors.tooLarge(bytes, this.#options.maxBodyBytes);
    if (this.#header.readUInt32LE(12) > bytes) throw frameErrors.damaged('A frame names more payload than it has.');
    this.#body = this.#allocate(bytes);
    this.#bodyFilled = 0;
    this.#finishIfFull();
  }

  #fillBody(bytes: Uint8Array, at: number): number {
    const body = this.#body as Buffer;
    const count = Math.min(body.length - this.#bodyFilled, bytes.length - at);
    body.set(bytes.subarray(at, at + count), this.#bodyFilled);
    this.#bodyFilled += count;
    this.#finishIfFull();
    return count;
  }

  #finishIfFull(): void {
    const body = this.#body;
    if (!body || this.#bodyFilled < body.length) return;
    this.#body = null;
    this.#headerFilled = 0;
    const prefix = body.subarray(0, body.length - this.#header.readUInt32LE(12));
    const computed = this.#options.checksum(prefix, this.#options.checksum(this.#header.subarray(0, 16)));
    if (computed !== this.#header.readUInt32LE(16)) throw frameErrors.damaged('A frame was damaged on its way.');
    const kind = Object.values(FrameKind).find((known) => known === this.#header.readUInt32LE(4));
    if (kind === undefined) throw frameErrors.protocol('A frame is of no known kind.');
    this.#emit({ kind, operation: this.#header.readUInt32LE(8), body });
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / DIRECT_BYTES) * DIRECT_BYTES;
}
