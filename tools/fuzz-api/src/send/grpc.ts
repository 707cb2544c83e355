import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import type { GrpcCase, Outcome } from '../case.js';

const PATIENCE_MS = 60_000;
const asTheyAre = (bytes: Buffer): Buffer => bytes;

/** Sends messages as the bytes they are over one connection. */
export class GrpcSender {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure());
  }

  /** Every method is called as a stream: one answer or many, the status comes at the end. */
  send(one: GrpcCase): Promise<Outcome> {
    return new Promise((resolve) => {
      const deadline = Date.now() + (one.deadlineMs ?? PATIENCE_MS);
      const call = this.#client.makeServerStreamRequest(
        one.method,
        asTheyAre,
        asTheyAre,
        Buffer.from(one.message),
        metadataOf(one),
        { deadline },
      );
      const timer = one.cancelAfterMs === null ? null : setTimeout(() => call.cancel(), one.cancelAfterMs);
      call.on('data', () => undefined);
      call.on('error', (error: ServiceError) => {
        if (timer) clearTimeout(timer);
        const ours = one.cancelAfterMs !== null && error.code === status.CANCELLED;
        const late = one.deadlineMs !== null && error.code === status.DEADLINE_EXCEEDED;
        resolve(ours || late ? { kind: 'cancelled' } : { kind: 'grpc', code: error.code, message: error.details });
      });
      call.on('end', () => {
        if (timer) clearTimeout(timer);
      });
      call.on('status', ({ code, details }: { code: number; details: string }) => {
        if (code === status.OK) resolve({ kind: 'grpc', code, message: details });
      });
    });
  }

  close(): void {
    this.#client.close();
  }
}

function metadataOf(one: GrpcCase): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(one.metadata)) metadata.set(name, value);
  return metadata;
}
