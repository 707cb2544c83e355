import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { AppError, listenFailed } from '@longhaul/kernel';
import type { ChannelIdentity } from '../channel-identity.js';
import { DataChannel } from './data-channel.js';
import type { TransferParts } from './serve-put.js';
import type { TransferGrant } from './transfer-grant.js';

export interface DataChannelOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The setting that chooses another port, for the error that says it is taken. */
  readonly portFlag: string;
  /** What callers are told, where they reach this port under another number. */
  readonly advertisedPort?: number;
  /** Mutual TLS, as on the gRPC side. */
  readonly tls?: ChannelIdentity;
  /** Open channels and tokens not yet used, together. */
  readonly maxChannels: number;
  /** A channel on which nothing moves for so long is closed. */
  readonly idleTimeoutMs: number;
  readonly now: () => number;
}

/** A token for one connection. */
export interface Admission {
  readonly port: number;
  readonly token: Uint8Array;
  readonly expiresUnixMs: number;
  readonly tls: boolean;
}

const TOKEN_BYTES = 32;
const TOKEN_LIFE_MS = 10_000;
const HANDSHAKE_TIMEOUT_MS = 5_000;

/**
 * Listens for data channels: plain streams (TLS where configured) that carry puts and gets without HTTP/2. Only who
 * shows a token that was handed out over gRPC is served, with the grant that the token was issued for.
 */
export class DataChannelServer {
  readonly #parts: TransferParts;
  readonly #options: DataChannelOptions;
  readonly #server: Server;
  readonly #tokens = new Map<string, { grant: TransferGrant; expiresUnixMs: number }>();
  readonly #channels = new Set<DataChannel>();
  #port = 0;

  constructor(parts: TransferParts, options: DataChannelOptions) {
    this.#parts = parts;
    this.#options = options;
    const { tls } = options;
    const accept = (socket: Socket) => this.#accept(socket);
    this.#server = tls
      ? createTlsServer(
          {
            ...tls,
            requestCert: true,
            rejectUnauthorized: true,
            minVersion: 'TLSv1.2',
            handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
          },
          accept,
        )
      : createServer({ noDelay: true }, accept);
    this.#server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy());
    this.#server.maxConnections = options.maxChannels;
  }

  /** @throws AppError `ADDRESS_IN_USE` or `LISTEN_FAILED`. */
  listen(): Promise<number> {
    const { host, port, portFlag: flag } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => reject(listenFailed({ host, port, what: 'data channels', flag }, cause)));
      this.#server.listen({ host, port }, () => {
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve(this.#port);
      });
    });
  }

  /** Open channels. */
  get open(): number {
    return this.#channels.size;
  }

  /** A one-time token. @throws AppError `KV_BUSY` when as many channels and tokens are out as there may be. */
  admit(grant: TransferGrant): Admission {
    const now = this.#options.now();
    for (const [token, { expiresUnixMs }] of this.#tokens) {
      if (expiresUnixMs > now) break;
      this.#tokens.delete(token);
    }
    const { maxChannels, tls } = this.#options;
    if (this.#tokens.size + this.#channels.size >= maxChannels) throw tooMany(maxChannels);
    const token = randomBytes(TOKEN_BYTES);
    const expiresUnixMs = now + TOKEN_LIFE_MS;
    this.#tokens.set(token.toString('base64'), { grant, expiresUnixMs });
    return { port: this.#options.advertisedPort ?? this.#port, token, expiresUnixMs, tls: tls !== undefined };
  }

  /** Takes no more operations, lets running ones end within `graceMs`, then cuts what is left. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#tokens.clear();
    await Promise.all([...this.#channels].map((channel) => channel.close(graceMs)));
    await closed;
  }

  #accept(socket: Socket): void {
    const channel = new DataChannel(socket, this.#parts, {
      idleTimeoutMs: this.#options.idleTimeoutMs,
      redeem: (token) => this.#redeem(token),
    });
    this.#channels.add(channel);
    void channel.run().finally(() => this.#channels.delete(channel));
  }

  #redeem(token: Buffer): TransferGrant | null {
    const key = token.toString('base64');
    const known = this.#tokens.get(key);
    this.#tokens.delete(key);
    return known && known.expiresUnixMs > this.#options.now() ? known.grant : null;
  }
}

function tooMany(limit: number): AppError {
  return new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'KV_BUSY',
    message: `The store has ${limit} data channels open, as many as it may.`,
    details: { limit },
    retry: 'same',
  });
}
