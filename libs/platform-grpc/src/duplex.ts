import type { ClientDuplexStream, handleBidiStreamingCall } from '@grpc/grpc-js';
import { AppError } from '@longhaul/kernel';
import { abortedError, callOptionsOf, metadataOf, type ClientCallOptions, type Opener } from './client-calls.js';
import { clientStalled, failureOf, openContext, started, type CallContext, type StreamOptions } from './handlers.js';
import { fromStatus, toStatus } from './status.js';
import { StreamLink, type DuplexCall } from './stream-link.js';

/**
 * A bidirectional method from a function that pulls and pushes. The call ends when the promise settles; cancelling it
 * ends all waiting on the link.
 */
export function duplex<Req, Res>(
  handle: (link: StreamLink<Req, Res>, context: CallContext) => Promise<void>,
  options: StreamOptions,
): handleBidiStreamingCall<Req, Res> {
  return (call) => {
    const { context, abort } = openContext(call, options.endless === true);
    const stalled = () => {
      const error = clientStalled(options.stallTimeoutMs);
      abort(error);
      return error;
    };
    const link = new StreamLink<Req, Res>(call as DuplexCall<Req, Res>, { timeoutMs: options.stallTimeoutMs, stalled });
    const fail = () => link.fail(AppError.from(context.signal.reason));
    if (context.signal.aborted) fail();
    else context.signal.addEventListener('abort', fail, { once: true });
    call.on('error', () => undefined);
    started(() => handle(link, context)).then(
      () => call.end(),
      (error: unknown) => call.emit('error', toStatus(failureOf(context.signal, error))),
    );
  };
}

/** The client's end of a bidirectional call. */
export interface OpenDuplex<In, Out> {
  readonly link: StreamLink<In, Out>;
  /** Nothing more will be sent. */
  end(): void;
  /** Ends the call; harmless when it has ended. */
  cancel(): void;
}

/** Opens a bidirectional call; failures are AppErrors, and aborting the signal cancels the call. */
export function openDuplex<Req, Res>(
  open: Opener<ClientDuplexStream<Req, Res>>,
  options: ClientCallOptions,
): OpenDuplex<Res, Req> {
  if (options.signal?.aborted) throw abortedError();
  const call = open(metadataOf(options), callOptionsOf(options));
  const link = new StreamLink<Res, Req>(call as DuplexCall<Res, Req>, null);
  const cancel = () => call.cancel();
  call.on('error', (error: unknown) => link.fail(fromStatus(error)));
  call.on('status', () => options.signal?.removeEventListener('abort', cancel));
  options.signal?.addEventListener('abort', cancel, { once: true });
  return { link, end: () => call.end(), cancel };
}
