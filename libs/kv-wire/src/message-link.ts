/**
 * The two directions of one put or get, whatever carries them: a gRPC call or a data channel. One reader and one
 * writer. All methods reject with the AppError that ended the operation.
 */
export interface MessageLink<In, Out> {
  /** The next message, or null when the peer has sent its last. Its payload is good until the next call. */
  receive(): Promise<In | null>;
  /** Queues a message; resolves when the link takes more. The message's payload must stay as it is until `flush`. */
  send(message: Out): Promise<void>;
  /** Resolves when no payload sent so far is referenced any more. */
  flush(): Promise<void>;
}
