import type { Socket } from 'node:net';
import { AppError, endedWithin } from '@longhaul/kernel';
import {
  capabilityErrors,
  encodeFailure,
  frameErrors,
  FRAME_SLACK_BYTES,
  FrameKind,
  FrameSocket,
  type Frame,
} from '@longhaul/kv-wire';
import { Operation, getCodec, putCodec } from './operation.js';
import { serveGet } from './serve-get.js';
import { servePut, type TransferParts } from './serve-put.js';
import type { TransferGrant } from './transfer-grant.js';

export interface DataChannelControl {
  readonly idleTimeoutMs: number;
  /** Null for a token that is unknown, used or too old. */
  redeem(token: Buffer): TransferGrant | null;
}

const HELLO_TIMEOUT_MS = 5_000;
/** How long an operation that was ended at the drain timeout gets to say so. */
const LAST_WORD_MS = 500;
const NOTHING = new Uint8Array(0);
/** What a channel may hold of each direction, in frames of the largest payload. */
const WINDOW_FRAMES = 4;

/** One connection: the token, then operations one after the other. */
export class DataChannel {
  readonly #socket: Socket;
  readonly #parts: TransferParts;
  readonly #control: DataChannelControl;
  readonly #frames: FrameSocket;
  #current: Operation | null = null;
  #running: Promise<void> = Promise.resolve();
  #closing = false;

  constructor(socket: Socket, parts: TransferParts, control: DataChannelControl) {
    this.#socket = socket;
    this.#parts = parts;
    this.#control = control;
    const window = parts.maxFrameBytes * WINDOW_FRAMES;
    this.#frames = new FrameSocket({
      checksum: parts.checksum,
      maxBodyBytes: parts.maxFrameBytes + FRAME_SLACK_BYTES,
      receiveWindowBytes: window,
      sendWindowBytes: window,
    });
    this.#frames.attach(socket, true);
  }

  /** Serves until either side closes. Never rejects: what goes wrong ends the channel. */
  async run(): Promise<void> {
    try {
      const grant = await this.#greet();
      this.#socket.setTimeout(this.#control.idleTimeoutMs);
      for (let frame = await this.#frames.receive(); frame !== null; frame = await this.#frames.receive()) {
        await this.#dispatch(frame, grant);
      }
    } catch (error) {
      this.#current?.fail(AppError.from(error));
    }
    this.#current?.fail(frameErrors.closed());
    await this.#running;
    this.#frames.destroy();
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    await endedWithin(graceMs, this.#running);
    this.#current?.fail(shuttingDown());
    await endedWithin(LAST_WORD_MS, this.#running);
    this.#frames.destroy();
  }

  async #greet(): Promise<TransferGrant> {
    this.#socket.on('timeout', () => this.#frames.destroy());
    this.#socket.setTimeout(HELLO_TIMEOUT_MS);
    const hello = await this.#frames.receive();
    const grant = hello?.kind === FrameKind.hello ? this.#control.redeem(hello.body) : null;
    if (!grant) {
      await this.#frames.send(failureFrame(0, capabilityErrors.invalid()));
      await this.#frames.flush();
      throw capabilityErrors.invalid();
    }
    await this.#frames.send({ kind: FrameKind.ready, operation: 0, prefix: NOTHING, payload: NOTHING });
    return grant;
  }

  async #dispatch(frame: Frame, grant: TransferGrant): Promise<void> {
    const current = this.#current;
    if (current?.id === frame.operation) {
      if (frame.kind === FrameKind.cancel) current.fail(cancelled());
      else await current.deliver(frame);
      return;
    }
    if (frame.kind !== FrameKind.put && frame.kind !== FrameKind.get) return;
    // Frames of an operation that has ended are stale; a higher number is a new one.
    if (current && frame.operation < current.id) return;
    current?.fail(cancelled());
    await this.#running;
    await this.#start(frame, grant);
  }

  async #start(frame: Frame, grant: TransferGrant): Promise<void> {
    const operation = new Operation(frame.operation, frame.kind, this.#frames);
    this.#current = operation;
    const { signal } = operation;
    const right = frame.kind === FrameKind.put ? 'write' : 'read';
    const call = { signal, timeoutMs: null, authorize: grant.require.bind(grant, right) };
    const serve = () =>
      frame.kind === FrameKind.put
        ? servePut(this.#parts, operation.link(putCodec), call)
        : serveGet(this.#parts, operation.link(getCodec), call);
    this.#running = this.#closing ? this.#refuse(operation, shuttingDown()) : this.#serve(operation, serve);
    await operation.deliver(frame);
  }

  async #serve(operation: Operation, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      operation.finish();
    } catch (error) {
      const reason: unknown = operation.signal.aborted ? operation.signal.reason : error;
      await this.#refuse(operation, AppError.from(reason));
    }
  }

  async #refuse(operation: Operation, error: AppError): Promise<void> {
    operation.fail(error);
    await this.#frames.send(failureFrame(operation.id, error)).catch(() => undefined);
  }
}

function failureFrame(operation: number, error: AppError) {
  return { kind: FrameKind.failure, operation, prefix: encodeFailure(error), payload: NOTHING };
}

function cancelled(): AppError {
  return new AppError({ code: 'CANCELLED', reason: 'CANCELLED', message: 'The client cancelled the operation.' });
}

function shuttingDown(): AppError {
  return new AppError({
    code: 'UNAVAILABLE',
    reason: 'SHUTTING_DOWN',
    message: 'The store is shutting down; ask again elsewhere.',
    retry: 'other',
  });
}
