import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { kvstoreV1 } from '@longhaul/contracts';
import { AppError } from '@longhaul/kernel';
import type { Checksum } from '@longhaul/kv-core';
import {
  asBuffer,
  decodeFailure,
  decodeGet,
  encodePut,
  FRAME_SLACK_BYTES,
  FrameKind,
  FrameSocket,
  type EncodedMessage,
} from '@longhaul/kv-wire';
import type { ChannelIdentity } from '../channel-identity.js';
import type { BulkCall, GetCall, PutCall } from './bulk-transport.js';
import type { CallScope } from './call-scope.js';
import { clientErrors } from './client-errors.js';

export interface ChannelAddress {
  readonly host: string;
  readonly port: number;
  readonly token: Uint8Array;
}

export interface ChannelOptions {
  readonly checksum: Checksum;
  /** Largest frame accepted, bytes. */
  readonly maxFrameBytes: number;
  /** How long opening may take, milliseconds. */
  readonly openMs: number;
  readonly tls?: ChannelIdentity;
}

interface Codec<In, Out> {
  readonly kind: FrameKind;
  decode(body: Buffer): In;
  encode(message: Out): EncodedMessage;
  /** The payload is good only until the next message is asked for. */
  passing(message: In): boolean;
}

const NOTHING = new Uint8Array(0);
const WINDOW_FRAMES = 4;

const PUT: Codec<kvstoreV1.PutResponse, kvstoreV1.PutRequest> = {
  kind: FrameKind.put,
  decode: (body) => kvstoreV1.PutResponse.decode(body),
  encode: encodePut,
  passing: () => false,
};
const GET: Codec<kvstoreV1.GetResponse, kvstoreV1.GetRequest> = {
  kind: FrameKind.get,
  decode: decodeGet,
  encode: (message) => ({ prefix: asBuffer(kvstoreV1.GetRequest.encode(message).finish()), payload: NOTHING }),
  passing: ({ frame }) => frame?.$case === 'chunk',
};

/** One connection to the store's data port, for one operation at a time. */
export class ClientChannel {
  readonly #frames: FrameSocket;
  /** Given back by an operation that left the channel usable. */
  readonly #onIdle: (channel: ClientChannel) => void;
  #operation = 0;
  #receiving = false;
  #passing: Buffer | null = null;

  private constructor(
    frames: FrameSocket,

    onIdle: (channel: ClientChannel) => void,
  ) {
    this.#frames = frames;
    this.#onIdle = onIdle;
  }

  /** Connects and shows the token. @throws AppError `KV_STORE_UNAVAILABLE`, or what ended the scope. */
  static async open(
    address: ChannelAddress,
    options: ChannelOptions,
    onIdle: (channel: ClientChannel) => void,
  ): Promise<ClientChannel> {
    const window = options.maxFrameBytes * WINDOW_FRAMES;
    const frames = new FrameSocket({
      checksum: options.checksum,
      maxBodyBytes: options.maxFrameBytes + FRAME_SLACK_BYTES,
      receiveWindowBytes: window,
      sendWindowBytes: window,
    });
    const timer = setTimeout(() => frames.destroy(clientErrors.deadline()), options.openMs);
    try {
      frames.attach(await connected(address, options, frames), options.tls !== undefined);
      await frames.send({ kind: FrameKind.hello, operation: 0, prefix: address.token, payload: NOTHING });
      const answer = await frames.receive();
      if (answer?.kind === FrameKind.failure) throw decodeFailure(answer.body);
      if (answer?.kind !== FrameKind.ready) throw clientErrors.unavailable('The data channel was refused.');
      return new ClientChannel(frames, onIdle);
    } catch (error) {
      frames.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  get usable(): boolean {
    return this.#frames.closedBy === null && !this.#receiving;
  }

  openPut(scope: CallScope): PutCall {
    return this.#start(PUT, scope);
  }

  openGet(scope: CallScope): GetCall {
    return this.#start(GET, scope);
  }

  destroy(error?: AppError): void {
    this.#frames.destroy(error);
  }

  #start<In, Out>(codec: Codec<In, Out>, scope: CallScope): BulkCall<In, Out> {
    const operation = ++this.#operation;
    const abort = () => this.destroy(AppError.from(scope.signal.reason));
    if (scope.signal.aborted) abort();
    else scope.signal.addEventListener('abort', abort, { once: true });
    const leave = () => {
      scope.signal.removeEventListener('abort', abort);
      this.#onIdle(this);
    };
    return {
      link: {
        receive: () => this.#next(codec, operation),
        send: (message) => this.#frames.send({ kind: codec.kind, operation, ...codec.encode(message) }),
        flush: () => this.#frames.flush(),
      },
      end: leave,
      cancel: () => {
        // A read under way cannot be taken back: the channel goes with it.
        if (this.#receiving) this.destroy(clientErrors.cancelled());
        const parts = { kind: FrameKind.cancel, operation, prefix: NOTHING, payload: NOTHING };
        this.#frames.send(parts).catch(() => undefined);
        leave();
      },
    };
  }

  async #next<In>(codec: Codec<In, never>, operation: number): Promise<In | null> {
    this.#receiving = true;
    if (this.#passing) this.#frames.recycle(this.#passing);
    this.#passing = null;
    try {
      for (;;) {
        const frame = await this.#frames.receive();
        if (frame === null) return null;
        // Of an operation that was given up.
        if (frame.operation !== operation) continue;
        if (frame.kind === FrameKind.failure) throw decodeFailure(frame.body);
        if (frame.kind !== codec.kind) throw clientErrors.protocol('A frame belongs to another kind of operation.');
        const message = codec.decode(frame.body);
        if (codec.passing(message)) this.#passing = frame.body;
        return message;
      }
    } finally {
      this.#receiving = false;
    }
  }
}

function connected(address: ChannelAddress, options: ChannelOptions, frames: FrameSocket): Promise<Socket> {
  const { host, port } = address;
  const { tls } = options;
  return new Promise((resolve, reject) => {
    const socket = tls
      ? connectTls({ host, port, ...tls, servername: /^[\d.:]+$/.test(host) ? '' : host })
      : connect({ host, port, onread: frames.onread() });
    socket.once('error', (cause) => reject(clientErrors.unavailable('The data channel cannot be opened.', cause)));
    socket.once(tls ? 'secureConnect' : 'connect', () => resolve(socket));
    setTimeout(() => reject(clientErrors.unavailable('The data channel cannot be opened.')), options.openMs).unref();
  });
}
