import type { kvstoreV1 } from '@longhaul/contracts';
import { AppError } from '@longhaul/kernel';
import type { Checksum, PutOutcome, PutRequest, PutSession } from '@longhaul/kv-core';
import { asBuffer, fromTier, putChunkChecksum, toPutBegin } from '@longhaul/kv-wire';
import type { PutCall } from './bulk-transport.js';
import type { CallScope } from './call-scope.js';
import { asClientError, clientErrors } from './client-errors.js';

export interface PutParts {
  readonly call: PutCall;
  readonly scope: CallScope;
  readonly checksum: Checksum;
  /** Called once, when the put is over either way. */
  over(error: AppError | null): void;
}

/** Begins a put and waits for the store's word on it. */
export async function openPutSession(parts: PutParts, request: PutRequest): Promise<PutSession> {
  const put = new RemotePut(parts);
  await put.begin(request);
  return put;
}

class RemotePut implements PutSession {
  readonly #parts: PutParts;
  alreadyPresent = false;
  #credit = 0;
  #frameBytes = 1;
  #ended: AppError | null = null;
  #last: Promise<void> = Promise.resolve();

  constructor(parts: PutParts) {
    this.#parts = parts;
    const { signal } = parts.scope;
    // Nobody may be waiting when the scope ends, and the place is to be given back all the same.
    signal.addEventListener('abort', () => this.#fail(AppError.from(signal.reason)), { once: true });
  }

  begin(request: PutRequest): Promise<void> {
    return this.#step(async () => {
      const value = toPutBegin(request, this.#parts.scope.leftMs());
      await this.#parts.call.link.send({ frame: { $case: 'begin', value } });
      const event = await this.#next();
      if (event.$case !== 'opened') throw clientErrors.protocol('A put was not answered with its opening.');
      this.alreadyPresent = event.value.alreadyPresent;
      this.#credit = event.value.credit;
      this.#frameBytes = Math.max(1, Number(event.value.maxFrameBytes));
      if (this.alreadyPresent) this.#finish();
    });
  }

  write(offset: number, bytes: Uint8Array): Promise<void> {
    if (this.alreadyPresent) return Promise.resolve();
    return this.#inTurn(async () => {
      const { link } = this.#parts.call;
      for (let at = 0; at < bytes.length; at += this.#frameBytes) {
        while (this.#credit < 1) this.#takeCredit(await this.#next());
        this.#credit--;
        await link.send(this.#chunk(offset + at, bytes.subarray(at, at + this.#frameBytes)));
      }
      await link.flush();
    });
  }

  async commit(): Promise<PutOutcome> {
    if (this.alreadyPresent) return { alreadyPresent: true, durableTier: 'ram' };
    let outcome: PutOutcome | null = null;
    await this.#inTurn(async () => {
      await this.#parts.call.link.send({ frame: { $case: 'commit', value: {} } });
      for (let event = await this.#next(); ; event = await this.#next()) {
        if (event.$case === 'committed') {
          const { alreadyPresent, durableTier } = event.value;
          outcome = { alreadyPresent, durableTier: fromTier(durableTier) };
          break;
        }
        this.#takeCredit(event);
      }
      this.#finish();
    });
    if (!outcome) throw clientErrors.protocol('A put ended without an outcome.');
    return outcome;
  }

  async abort(reason: string): Promise<void> {
    if (this.#ended) return;
    await this.#inTurn(async () => {
      await this.#parts.call.link.send({ frame: { $case: 'abort', value: { reason } } });
      this.#finish();
    }).catch(() => undefined);
  }

  #chunk(offset: number, data: Uint8Array): kvstoreV1.PutRequest {
    const crc32c = putChunkChecksum(this.#parts.checksum, offset, data);
    return { frame: { $case: 'chunk', value: { offset: BigInt(offset), crc32c, data: asBuffer(data) } } };
  }

  async #next(): Promise<NonNullable<kvstoreV1.PutResponse['event']>> {
    const event = (await this.#parts.call.link.receive())?.event;
    if (!event) throw clientErrors.unavailable('The store ended a put without a word.');
    return event;
  }

  #takeCredit(event: NonNullable<kvstoreV1.PutResponse['event']>): void {
    if (event.$case !== 'credit') throw clientErrors.protocol('A put was answered out of order.');
    this.#credit += event.value.frames;
  }

  /** Writes and the commit one after the other, in the order in which they were asked for. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(() => this.#step(work));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #step(work: () => Promise<void>): Promise<void> {
    if (this.#ended) throw this.#ended;
    try {
      await work();
    } catch (error) {
      throw this.#fail(asClientError(error));
    }
  }

  /** The first failure is the one that counts. */
  #fail(error: AppError): AppError {
    if (this.#ended) return this.#ended;
    this.#ended = error;
    this.#parts.call.cancel();
    this.#parts.over(error);
    return error;
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = clientErrors.protocol('The put has ended.');
    this.#parts.call.end();
    this.#parts.over(null);
  }
}
