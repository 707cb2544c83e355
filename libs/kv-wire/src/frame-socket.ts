import type { Socket } from 'node:net';
import { AppError } from '@longhaul/kernel';
import type { Checksum } from '@longhaul/kv-core';
import { frameErrors } from './frame-errors.js';
import { FrameParser } from './frame-parser.js';
import { frameStart, FRAME_HEADER_BYTES, type Frame, type FrameParts } from './frame.js';

export interface FrameSocketOptions {
  readonly checksum: Checksum;
  readonly maxBodyBytes: number;
  /** Received and not yet asked for; the socket is not read beyond it. */
  readonly receiveWindowBytes: number;
  /** Sent and not yet with the system; `send` waits beyond it. */
  readonly sendWindowBytes: number;
}

interface Waiter {
  readonly target: number;
  resolve(): void;
  reject(error: AppError): void;
}

/** Payloads below this are gathered with their neighbours into one write. */
const GATHER_BYTES = 32 * 1024;
/** Large payloads that are sent together go to the system in one call of about this length. */
const CALL_BYTES = 1024 * 1024;

/** Frames over a socket, bounded in both directions. One reader at a time. */
export class FrameSocket {
  readonly #options: FrameSocketOptions;
  readonly #parser: FrameParser;
  readonly #received: Frame[] = [];
  #receivedBytes = 0;
  #reader: { resolve(frame: Frame | null): void; reject(error: AppError): void } | null = null;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #corkedBytes = 0;
  #queued = 0;
  #written = 0;
  #waiters: Waiter[] = [];
  #socket: Socket | null = null;
  #failure: AppError | null = null;
  #ended = false;

  constructor(options: FrameSocketOptions) {
    this.#options = options;
    this.#parser = new FrameParser(options, (frame) => this.#take(frame));
  }

  /** For `onread` of a socket that is yet to be connected: frames are read where they stay. */
  onread(): { buffer: () => Uint8Array; callback: (count: number) => boolean } {
    return {
      buffer: () => this.#parser.target(),
      callback: (count) => this.#guarded(() => this.#parser.took(count)),
    };
  }

  /** Takes the socket over. `pushed`: it was opened without `onread`. */
  attach(socket: Socket, pushed: boolean): void {
    this.#socket = socket;
    socket.setNoDelay(true);
    if (pushed) {
      socket.on('data', (chunk: Buffer) => {
        if (!this.#guarded(() => this.#parser.push(chunk))) socket.pause();
      });
    }
    socket.on('end', () => this.#finish());
    socket.on('error', (error) => this.#fail(frameErrors.closed(error)));
    socket.on('close', () => {
      this.#finish();
      this.#fail(frameErrors.closed());
    });
  }

  /** The error that ended the channel, if it has ended. */
  get closedBy(): AppError | null {
    return this.#failure;
  }

  /** The next frame, or null at the peer's orderly end. */
  receive(): Promise<Frame | null> {
    const frame = this.#received.shift();
    if (frame) {
      this.#receivedBytes -= frame.body.length;
      if (this.#receivedBytes < this.#options.receiveWindowBytes / 2) this.#socket?.resume();
      return Promise.resolve(frame);
    }
    if (this.#ended) return Promise.resolve(null);
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => (this.#reader = { resolve, reject }));
  }

  /** The body of a received frame is not read any more. Once per frame; its memory is used again. */
  recycle(body: Buffer): void {
    this.#parser.recycle(body);
  }

  send(parts: FrameParts): Promise<void> {
    if (this.#failure || !this.#socket) return Promise.reject(this.#failure ?? frameErrors.closed());
    const start = frameStart(parts, this.#options.checksum);
    this.#queued += start.length + parts.payload.length;
    if (parts.payload.length < GATHER_BYTES) this.#gather(start, parts.payload);
    else this.#writeLarge(this.#socket, start, parts.payload);
    return this.#until(this.#queued - this.#options.sendWindowBytes);
  }

  /** Resolves when everything sent so far is with the system, so that its memory is free. */
  flush(): Promise<void> {
    this.#writeGathered();
    return this.#until(this.#queued);
  }

  /** Sends what is queued, then says goodbye. */
  end(): void {
    this.#writeGathered();
    this.#socket?.end();
  }

  destroy(error: AppError = frameErrors.closed()): void {
    this.#fail(error);
    this.#socket?.destroy();
  }

  #guarded(work: () => void): boolean {
    if (this.#failure) return false;
    try {
      work();
    } catch (error) {
      this.destroy(AppError.from(error));
      return false;
    }
    return this.#receivedBytes < this.#options.receiveWindowBytes;
  }

  #take(frame: Frame): void {
    const reader = this.#reader;
    if (reader) {
      this.#reader = null;
      reader.resolve(frame);
      return;
    }
    this.#received.push(frame);
    this.#receivedBytes += frame.body.length + FRAME_HEADER_BYTES;
  }

  #gather(start: Buffer, payload: Uint8Array): void {
    if (this.#gatheredBytes === 0) process.nextTick(() => this.#writeGathered());
    this.#gathered.push(payload.length === 0 ? start : Buffer.concat([start, payload]));
    this.#gatheredBytes += start.length + payload.length;
    if (this.#gatheredBytes >= GATHER_BYTES) this.#writeGathered();
  }

  #writeGathered(): void {
    if (this.#gatheredBytes === 0) return;
    const bytes = Buffer.concat(this.#gathered);
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#socket?.write(bytes, () => this.#wrote(bytes.length));
  }

  #writeLarge(socket: Socket, start: Buffer, payload: Uint8Array): void {
    this.#writeGathered();
    if (this.#corkedBytes === 0) {
      socket.cork();
      process.nextTick(() => this.#uncork());
    }
    socket.write(start);
    socket.write(payload, () => this.#wrote(start.length + payload.length));
    this.#corkedBytes += start.length + payload.length;
    if (this.#corkedBytes >= CALL_BYTES) this.#uncork();
  }

  #uncork(): void {
    if (this.#corkedBytes === 0) return;
    this.#corkedBytes = 0;
    this.#socket?.uncork();
  }

  #wrote(bytes: number): void {
    this.#written += bytes;
    const due = this.#waiters.filter(({ target }) => target <= this.#written);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter(({ target }) => target > this.#written);
    for (const waiter of due) waiter.resolve();
  }

  #until(target: number): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (target <= this.#written) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ target, resolve, reject }));
  }

  #finish(): void {
    this.#ended = true;
    this.#reader?.resolve(null);
    this.#reader = null;
  }

  #fail(error: AppError): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#reader?.reject(error);
    this.#reader = null;
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters = [];
  }
}
