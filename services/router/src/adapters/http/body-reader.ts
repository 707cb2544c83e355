import type { IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { AppError } from '@longhaul/kernel';
import type { ArrivalPlace, Arrivals } from '../../core/arrivals.js';
import { clientOf } from './client-address.js';
import { bodyDecoder } from './content-headers.js';
import { recordOf } from './request-ledger.js';

export interface BodyLimits {
  /** Largest body, as sent and as decoded. */
  maxBodyBytes: number;
  /** A body of which so little comes for so long is given up. */
  bodyIdleTimeoutMs: number;
}

/** Less than this within the idle time is no progress: one byte now and then must not hold a place. */
const MIN_PROGRESS_BYTES = 1024;

/**
 * Reads a body whole, decoded. While it is on its way it holds a place of `arrivals` and the bytes that have really
 * come, and nothing else.
 *
 * @throws AppError `BODY_TOO_LARGE`, `BODY_TIMEOUT`, `ARRIVAL_DISPLACED`, `CLIENT_DISCONNECTED`, `INVALID_BODY_CODING` or
 * `UNSUPPORTED_MEDIA_TYPE`.
 */
export async function readBody(request: IncomingMessage, arrivals: Arrivals, limits: BodyLimits): Promise<Buffer> {
  const decoder = bodyDecoder(request.headers);
  requireSize(Number(request.headers['content-length'] ?? 0), limits);
  return new BodyReader(request, decoder, limits).read(arrivals);
}

/** @throws AppError `BODY_TOO_LARGE`. */
export function requireSize(bytes: number, { maxBodyBytes }: Pick<BodyLimits, 'maxBodyBytes'>): void {
  if (!(bytes > maxBodyBytes)) return;
  throw new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'BODY_TOO_LARGE',
    message: `The body is larger than the ${maxBodyBytes} bytes that --max-body-bytes allows.`,
    details: { maxBodyBytes },
  });
}

class BodyReader {
  readonly #request: IncomingMessage;
  readonly #decoder: Transform | null;
  readonly #limits: BodyLimits;
  readonly #chunks: Buffer[] = [];
  readonly #idle: NodeJS.Timeout;
  #sentBytes = 0;
  #heldBytes = 0;
  #progressBytes = 0;
  #place: ArrivalPlace | null = null;
  #settle: { resolve(body: Buffer): void; reject(error: AppError): void } | null = null;

  constructor(request: IncomingMessage, decoder: Transform | null, limits: BodyLimits) {
    this.#request = request;
    this.#decoder = decoder;
    this.#limits = limits;
    this.#idle = setTimeout(() => this.#fail(idleFor(limits.bodyIdleTimeoutMs)), limits.bodyIdleTimeoutMs);
  }

  read(arrivals: Arrivals): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#place = arrivals.enter(clientOf(this.#request.socket.remoteAddress), (error) => this.#fail(error));
      this.#listen(this.#decoder ?? this.#request);
      const record = recordOf(this.#request);
      if (record?.awaitsContinue) record.response.writeContinue();
    });
  }

  #listen(source: Readable): void {
    this.#request.on('data', this.#onSent);
    // What has come as a whole waits for nobody but us: decoding it is no idleness of the client.
    this.#request.once('end', () => clearTimeout(this.#idle));
    this.#request.on('close', this.#onClose);
    this.#request.on('error', this.#onClose);
    source.on('data', this.#onDecoded);
    source.on('end', this.#onEnd);
    if (!this.#decoder) return;
    this.#decoder.on('error', this.#onUndecodable);
    this.#request.pipe(this.#decoder);
  }

  readonly #onSent = (chunk: Buffer): void => {
    this.#sentBytes += chunk.length;
    this.#progressBytes += chunk.length;
    if (this.#progressBytes >= MIN_PROGRESS_BYTES) {
      this.#progressBytes = 0;
      this.#idle.refresh();
    }
    this.#check(this.#sentBytes);
  };

  readonly #onDecoded = (chunk: Buffer): void => {
    if (!this.#settle) return;
    this.#heldBytes += chunk.length;
    this.#check(this.#heldBytes);
    this.#chunks.push(chunk);
    this.#place?.grow(chunk.length);
  };

  readonly #onEnd = (): void => {
    const { resolve } = this.#release() ?? {};
    resolve?.(Buffer.concat(this.#chunks, this.#heldBytes));
  };

  readonly #onClose = (): void => {
    if (!this.#request.complete) this.#fail(disconnected());
  };

  readonly #onUndecodable = (cause: unknown): void => {
    const message = 'The body is not what its Content-Encoding says, or is cut off.';
    this.#fail(new AppError({ code: 'INVALID_ARGUMENT', reason: 'INVALID_BODY_CODING', message, cause }));
  };

  #check(bytes: number): void {
    try {
      requireSize(bytes, this.#limits);
    } catch (error) {
      this.#fail(AppError.from(error));
    }
  }

  #fail(error: AppError): void {
    const { reject } = this.#release() ?? {};
    this.#chunks.length = 0;
    reject?.(error);
  }

  #release(): { resolve(body: Buffer): void; reject(error: AppError): void } | null {
    const settle = this.#settle;
    this.#settle = null;
    clearTimeout(this.#idle);
    this.#place?.leave();
    this.#request.off('data', this.#onSent).off('close', this.#onClose);
    (this.#decoder ?? this.#request).off('data', this.#onDecoded).off('end', this.#onEnd);
    if (this.#decoder) {
      this.#request.unpipe(this.#decoder);
      this.#decoder.destroy();
    }
    return settle;
  }
}

function idleFor(bodyIdleTimeoutMs: number): AppError {
  return new AppError({
    code: 'DEADLINE_EXCEEDED',
    reason: 'BODY_TIMEOUT',
    message: `Too little of the body came for ${bodyIdleTimeoutMs} ms (--body-idle-timeout-ms).`,
    details: { bodyIdleTimeoutMs },
  });
}

function disconnected(): AppError {
  const message = 'The client closed the connection before its request had arrived.';
  return new AppError({ code: 'CANCELLED', reason: 'CLIENT_DISCONNECTED', message });
}
