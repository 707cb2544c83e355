/** One stored object as a listing shows it. Names are relative to the tier's prefix. */
export interface ListedObject {
  readonly name: string;
  readonly bytes: number;
}

/**
 * The part of S3 that the tier needs. Each call has a deadline, retries what can be retried within it, and then fails
 * with AppError: `KV_NOT_FOUND` (no such object), `KV_CORRUPT` (the object is shorter than asked for),
 * `KV_STORE_UNAVAILABLE` (`details.outage` says what is wrong). Never hangs.
 */
export interface ObjectBucket {
  /** Stores a new object; `exists` when there is one already, which stays as it is. The server verifies the checksum. */
  putNew(name: string, body: Uint8Array, crc32c: number): Promise<'stored' | 'exists'>;
  /** Stores an object, in place of the one there may be. */
  replace(name: string, body: Uint8Array, crc32c: number): Promise<void>;
  /** Fills `into` with the bytes from `offset` on. What it holds after a failure is undefined. */
  read(name: string, offset: number, into: Uint8Array): Promise<void>;
  /** Length in bytes. */
  size(name: string): Promise<number>;
  /** Everything in the order of names, page by page. */
  list(): AsyncIterable<readonly ListedObject[]>;
  /** One cheap request that shows whether reading is possible. */
  ping(): Promise<void>;
  /** Unknown names are no error. */
  remove(name: string): Promise<void>;
  close(): void;
}
