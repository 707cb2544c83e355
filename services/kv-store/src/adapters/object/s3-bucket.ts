import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import type { AppError } from '@longhaul/kernel';
import type { ListedObject, ObjectBucket } from './object-bucket.js';
import { withRetries, type RetryPolicy } from './retry.js';
import { isPreconditionFailed, s3Failure } from './s3-failure.js';
import { tierErrors } from './tier-errors.js';

export interface S3BucketOptions {
  /** For instance `http://127.0.0.1:9000`; absent: AWS itself. */
  readonly endpoint?: string;
  readonly region: string;
  readonly bucket: string;
  /** Before every name, without slashes at its ends: `kv/v1`. */
  readonly prefix: string;
  /** Absent: environment, files and instance roles, as usual with AWS. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`; what servers other than AWS want. */
  readonly forcePathStyle: boolean;
  /** Limit of a read, a list page or a removal, retries included. */
  readonly readMs: number;
  /** Limit of storing an extent, retries included. */
  readonly uploadMs: number;
  /** Tries of one call. */
  readonly attempts: number;
  /** Connections at once. */
  readonly connections: number;
  readonly onRetry?: (error: AppError) => void;
}

const RETRY_BASE_MS = 100;
const RETRY_MAX_MS = 2_000;
const CONNECT_MS = 2_000;
const PAGE = 1000;

/** A bucket of any S3 API. The only file of the suite that knows the S3 client. */
export class S3Bucket implements ObjectBucket {
  readonly #options: S3BucketOptions;
  readonly #client: S3Client;

  constructor(options: S3BucketOptions) {
    this.#options = options;
    this.#client = createClient(options);
  }

  async putNew(name: string, body: Uint8Array, crc32c: number): Promise<'stored' | 'exists'> {
    return this.#call(this.#options.uploadMs, async (abortSignal) => {
      const command = new PutObjectCommand({ ...this.#content(name, body, crc32c), IfNoneMatch: '*' });
      try {
        await this.#client.send(command, { abortSignal });
        return 'stored';
      } catch (error) {
        if (isPreconditionFailed(error)) return 'exists';
        throw error;
      }
    });
  }

  async replace(name: string, body: Uint8Array, crc32c: number): Promise<void> {
    await this.#call(this.#options.readMs, (abortSignal) =>
      this.#client.send(new PutObjectCommand(this.#content(name, body, crc32c)), { abortSignal }),
    );
  }

  async read(name: string, offset: number, into: Uint8Array): Promise<void> {
    if (into.length === 0) return;
    const Range = `bytes=${offset}-${offset + into.length - 1}`;
    await this.#call(this.#options.readMs, async (abortSignal) => {
      const { Body } = await this.#client.send(new GetObjectCommand({ ...this.#at(name), Range }), { abortSignal });
      await fill(into, Body, abortSignal);
    });
  }

  async size(name: string): Promise<number> {
    return this.#call(this.#options.readMs, async (abortSignal) => {
      const { ContentLength } = await this.#client.send(new HeadObjectCommand(this.#at(name)), { abortSignal });
      return ContentLength ?? 0;
    });
  }

  async *list(): AsyncIterable<readonly ListedObject[]> {
    const { bucket: Bucket, prefix, readMs } = this.#options;
    let ContinuationToken: string | undefined;
    do {
      const command = new ListObjectsV2Command({ Bucket, Prefix: `${prefix}/`, MaxKeys: PAGE, ContinuationToken });
      const page = await this.#call(readMs, (abortSignal) => this.#client.send(command, { abortSignal }));
      yield (page.Contents ?? []).flatMap(({ Key, Size }) =>
        Key === undefined ? [] : [{ name: Key.slice(prefix.length + 1), bytes: Size ?? 0 }],
      );
      ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (ContinuationToken !== undefined);
  }

  async ping(): Promise<void> {
    const { bucket: Bucket, prefix, readMs } = this.#options;
    const command = new ListObjectsV2Command({ Bucket, Prefix: `${prefix}/`, MaxKeys: 1 });
    await this.#call(readMs, (abortSignal) => this.#client.send(command, { abortSignal }), 1);
  }

  async remove(name: string): Promise<void> {
    await this.#call(this.#options.readMs, (abortSignal) =>
      this.#client.send(new DeleteObjectCommand(this.#at(name)), { abortSignal }),
    );
  }

  close(): void {
    this.#client.destroy();
  }

  #at(name: string): { Bucket: string; Key: string } {
    return { Bucket: this.#options.bucket, Key: `${this.#options.prefix}/${name}` };
  }

  #content(name: string, body: Uint8Array, crc32c: number) {
    const digest = Buffer.alloc(4);
    digest.writeUInt32BE(crc32c);
    return { ...this.#at(name), Body: body, ContentLength: body.length, ChecksumCRC32C: digest.toString('base64') };
  }

  #call<T>(deadlineMs: number, attempt: (signal: AbortSignal) => Promise<T>, attempts?: number): Promise<T> {
    const { onRetry } = this.#options;
    const policy: RetryPolicy = {
      attempts: attempts ?? this.#options.attempts,
      baseMs: RETRY_BASE_MS,
      maxMs: RETRY_MAX_MS,
      deadlineMs,
      ...(onRetry ? { onRetry } : {}),
    };
    return withRetries(policy, async (signal) => {
      try {
        return await attempt(signal);
      } catch (error) {
        // The client reports its own abort; why it was aborted is what the caller can use.
        throw signal.aborted ? signal.reason : s3Failure(error);
      }
    });
  }
}

function createClient(options: S3BucketOptions): S3Client {
  const { endpoint, region, credentials, forcePathStyle, connections: maxSockets } = options;
  const config: S3ClientConfig = {
    region,
    forcePathStyle,
    maxAttempts: 1,
    // Each put brings a CRC32C of its own; each read is checked by what the extent's index says.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: CONNECT_MS, httpAgent: { maxSockets }, httpsAgent: { maxSockets } },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials ? { credentials: { ...credentials } } : {}),
  };
  const client = new S3Client(config);
  if (endpoint === undefined || endpoint.startsWith('https:')) trustTls(client);
  return client;
}

/** Over TLS a SHA-256 of each body for the signature would prove nothing more, at half of the throughput. */
function trustTls(client: S3Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const { request } = args;
      if (isPut(request)) request.headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
      return next(args);
    },
    { step: 'build', name: 'longhaulUnsignedPayload' },
  );
}

function isPut(request: unknown): request is { method: 'PUT'; headers: Record<string, string> } {
  return typeof request === 'object' && request !== null && 'method' in request && request.method === 'PUT';
}

/** Copies the body of an answer; more or fewer bytes than asked for are not the object that was stored. */
async function fill(into: Uint8Array, body: unknown, signal: AbortSignal): Promise<void> {
  if (!(body instanceof Readable)) throw tierErrors.unavailable('server', 'The object store sent no body.');
  const stop = () => body.destroy(signal.reason as Error);
  // An answer that comes after its time must not write into a buffer that a later try fills.
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  let filled = 0;
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      if (filled + chunk.length > into.length)
        throw tierErrors.corrupt('The object store sent more bytes than asked for.');
      into.set(chunk, filled);
      filled += chunk.length;
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
  if (filled !== into.length) throw tierErrors.corrupt('A stored object is shorter than it was.');
}
