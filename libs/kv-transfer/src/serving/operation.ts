import { kvstoreV1 } from '@longhaul/contracts';
import { AppError } from '@longhaul/kernel';
import {
  asBuffer,
  decodePut,
  encodeGet,
  frameErrors,
  type EncodedMessage,
  type Frame,
  type FrameKind,
  type FrameSocket,
  type MessageLink,
} from '@longhaul/kv-wire';

/** How the messages of an operation are read and written. */
export interface Codec<In, Out> {
  decode(body: Buffer): In;
  encode(message: Out): EncodedMessage;
}

const NOTHING = new Uint8Array(0);

export const putCodec: Codec<kvstoreV1.PutRequest, kvstoreV1.PutResponse> = {
  decode: (body) => decodePut(body),
  encode: (message) => ({ prefix: asBuffer(kvstoreV1.PutResponse.encode(message).finish()), payload: NOTHING }),
};

export const getCodec: Codec<kvstoreV1.GetRequest, kvstoreV1.GetResponse> = {
  decode: (body) => kvstoreV1.GetRequest.decode(body),
  encode: (message) => encodeGet(message),
};

/** Frames delivered and not yet received; the channel is not read beyond it. */
const MAX_PENDING = 4;

/** One put or get on a channel: its frames as a link. */
export class Operation {
  readonly #kind: FrameKind;
  readonly #frames: FrameSocket;
  over = false;
  readonly #controller = new AbortController();
  readonly #pending: Frame[] = [];
  #reader: { resolve(frame: Frame | null): void; reject(error: AppError): void } | null = null;
  #room: (() => void) | null = null;

  constructor(
    readonly id: number,
    kind: FrameKind,
    frames: FrameSocket,
  ) {
    this.#kind = kind;
    this.#frames = frames;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Resolves when the next frame is welcome. */
  async deliver(frame: Frame): Promise<void> {
    if (this.over) return;
    const reader = this.#reader;
    if (reader) {
      this.#reader = null;
      reader.resolve(frame);
      return;
    }
    this.#pending.push(frame);
    if (this.#pending.length >= MAX_PENDING) await new Promise<void>((resolve) => (this.#room = resolve));
  }

  /** A message's payload is good until the next one is asked for. */
  link<In, Out>(codec: Codec<In, Out>): MessageLink<In, Out> {
    let last: Buffer | null = null;
    return {
      receive: async () => {
        if (last) this.#frames.recycle(last);
        last = null;
        const frame = await this.#next();
        last = frame?.body ?? null;
        return frame ? decoded(codec, frame.body) : null;
      },
      send: (message) => this.#frames.send({ kind: this.#kind, operation: this.id, ...codec.encode(message) }),
      flush: () => this.#frames.flush(),
    };
  }

  /** Ends the operation with an error; harmless when it has ended. */
  fail(error: AppError): void {
    if (this.over) return;
    this.#controller.abort(error);
    this.#close();
    this.#reader?.reject(error);
    this.#reader = null;
  }

  finish(): void {
    if (this.over) return;
    this.#close();
    this.#reader?.resolve(null);
    this.#reader = null;
  }

  #close(): void {
    this.over = true;
    this.#pending.length = 0;
    this.#room?.();
  }

  #next(): Promise<Frame | null> {
    const frame = this.#pending.shift();
    if (frame) {
      this.#room?.();
      this.#room = null;
      return Promise.resolve(frame);
    }
    if (this.signal.aborted) return Promise.reject(AppError.from(this.signal.reason));
    if (this.over) return Promise.resolve(null);
    return new Promise((resolve, reject) => (this.#reader = { resolve, reject }));
  }
}

function decoded<In>(codec: Codec<In, unknown>, body: Buffer): In {
  try {
    return codec.decode(body);
  } catch (error) {
    throw AppError.isInstance(error) ? error : frameErrors.unreadable(error);
  }
}
