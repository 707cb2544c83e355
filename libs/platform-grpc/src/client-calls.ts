import {
  Metadata,
  type CallOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';
import { AppError } from '@longhaul/kernel';
import { fromStatus } from './status.js';

export interface ClientCallOptions {
  signal?: AbortSignal | undefined;
  /** What is left for the call, in milliseconds from now; null or unset is no limit. */
  timeoutMs?: number | null;
  /** Unix milliseconds, for callers that were given such a time; null or unset is no deadline. */
  deadlineMs?: number | null;
  headers?: Readonly<Record<string, string>>;
}

export type Opener<Call> = (metadata: Metadata, options: Partial<CallOptions>) => Call;
type UnaryOpener<Res> = (
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Res) => void,
) => ClientUnaryCall;

/** One unary call as a promise; failures are AppErrors, and aborting the signal cancels the call. */
export function callUnary<Res>(open: UnaryOpener<Res>, options: ClientCallOptions): Promise<Res> {
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted) {
      reject(abortedError());
      return;
    }
    const call = open(metadataOf(options), callOptionsOf(options), (error, response) => {
      options.signal?.removeEventListener('abort', cancel);
      if (error) reject(fromStatus(error));
      else resolve(response);
    });
    const cancel = () => call.cancel();
    options.signal?.addEventListener('abort', cancel, { once: true });
  });
}

/**
 * One server-streaming call as an async iterable; the stream is read only as fast as the iteration goes. Ending the
 * iteration early or aborting the signal cancels the call.
 */
export async function* callServerStream<Res>(
  open: Opener<ClientReadableStream<Res>>,
  options: ClientCallOptions,
): AsyncGenerator<Res, void, undefined> {
  if (options.signal?.aborted) throw abortedError();
  const call = open(metadataOf(options), callOptionsOf(options));
  const cancel = () => call.cancel();
  // The iteration reports the error too; without a listener of its own a late one would end the process.
  call.on('error', () => undefined);
  options.signal?.addEventListener('abort', cancel, { once: true });
  try {
    for await (const message of call as AsyncIterable<Res>) yield message;
  } catch (error) {
    throw fromStatus(error);
  } finally {
    options.signal?.removeEventListener('abort', cancel);
    call.cancel();
  }
}

export function metadataOf(options: ClientCallOptions): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(options.headers ?? {})) metadata.set(key, value);
  return metadata;
}

export function callOptionsOf({ timeoutMs, deadlineMs }: ClientCallOptions): Partial<CallOptions> {
  const limits = [deadlineMs ?? Infinity, Date.now() + (timeoutMs ?? Infinity)];
  const deadline = Math.min(...limits);
  return Number.isFinite(deadline) ? { deadline } : {};
}

export function abortedError(): AppError {
  return new AppError({ code: 'CANCELLED', reason: 'CANCELLED', message: 'The request was cancelled.' });
}
