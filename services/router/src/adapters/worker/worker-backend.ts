import { credentials, type ChannelOptions } from '@grpc/grpc-js';
import { workerV1 } from '@longhaul/contracts';
import type {
  BackendLoad,
  GenerationEvent,
  GenerationRequest,
  InferenceBackend,
  ModelInfo,
  TokenizerFiles,
} from '@longhaul/inference';
import { fromGenerateResponse, fromGetModelResponse, toWorkerRequest } from '@longhaul/inference-wire';
import { AppError, pause, remainingMs } from '@longhaul/kernel';
import { callServerStream, callUnary } from '@longhaul/platform-grpc';
import { traceHeaders, type EventLog } from '@longhaul/platform-otel';
import { assembleTokenizer } from './tokenizer-files.js';

export interface WorkerBackendOptions {
  /** host:port */
  address: string;
  /** Bearer key that the worker asks for. */
  key?: string | undefined;
  maxMessageBytes: number;
  log: EventLog;
}

const DOWN: BackendLoad = { ready: false, running: 0, waiting: 0, kvUsage: 0 };
const CALL_TIMEOUT_MS = 30_000;
const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 5_000;

/** A decode worker over gRPC. It keeps one load stream open; while that is broken the backend is not ready. */
export class WorkerBackend implements InferenceBackend {
  readonly #options: WorkerBackendOptions;
  readonly #client: workerV1.WorkerServiceClient;
  readonly #closing = new AbortController();
  readonly #watching: Promise<void>;
  #current: BackendLoad = DOWN;

  constructor(options: WorkerBackendOptions) {
    this.#options = options;
    const channel: ChannelOptions = {
      'grpc.max_receive_message_length': options.maxMessageBytes,
      'grpc.max_send_message_length': options.maxMessageBytes,
      'grpc.initial_reconnect_backoff_ms': FIRST_BACKOFF_MS,
      'grpc.max_reconnect_backoff_ms': LAST_BACKOFF_MS,
      'grpc.keepalive_time_ms': 20_000,
      'grpc.keepalive_timeout_ms': 10_000,
    };
    this.#client = new workerV1.WorkerServiceClient(options.address, credentials.createInsecure(), channel);
    this.#watching = this.#watchLoad();
  }

  load(): BackendLoad {
    return this.#current;
  }

  async model(signal?: AbortSignal): Promise<ModelInfo> {
    const response = await callUnary<workerV1.GetModelResponse>(
      (metadata, options, done) => this.#client.getModel({}, metadata, options, done),
      { signal, timeoutMs: CALL_TIMEOUT_MS, headers: this.#keyHeaders() },
    );
    return fromGetModelResponse(response);
  }

  tokenizerFiles(signal?: AbortSignal): Promise<TokenizerFiles> {
    const chunks = callServerStream((metadata, options) => this.#client.getTokenizer({}, metadata, options), {
      signal,
      timeoutMs: CALL_TIMEOUT_MS,
      headers: this.#keyHeaders(),
    });
    return assembleTokenizer(chunks);
  }

  generate(request: GenerationRequest, signal: AbortSignal): AsyncIterable<GenerationEvent> {
    // Read now: when the stream is opened, the caller's span may not be the current one any more.
    return this.#stream(request, signal, traceHeaders());
  }

  /** Ends the load stream and the channel; calls in flight are cancelled. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#client.close();
    await this.#watching;
  }

  async *#stream(
    request: GenerationRequest,
    signal: AbortSignal,
    headers: Record<string, string>,
  ): AsyncGenerator<GenerationEvent, void> {
    const asked = { logprobs: request.logprobs !== null, promptLogprobs: request.promptLogprobs !== null };
    const message = toWorkerRequest(request);
    const responses = callServerStream((metadata, options) => this.#client.generate(message, metadata, options), {
      signal,
      timeoutMs: remainingMs(request.deadlineMs),
      headers: { ...headers, ...this.#keyHeaders() },
    });
    let done = false;
    for await (const response of responses) {
      const event = fromGenerateResponse(response, asked);
      done = event.kind === 'done';
      yield event;
    }
    if (!done)
      throw new AppError({
        code: 'UNAVAILABLE',
        reason: 'STREAM_TRUNCATED',
        message: 'The worker ended early.',
        retry: 'other',
      });
  }

  #keyHeaders(): Record<string, string> {
    const { key } = this.#options;
    return key === undefined ? {} : { authorization: `Bearer ${key}` };
  }

  async #watchLoad(): Promise<void> {
    const { signal } = this.#closing;
    let backoffMs = FIRST_BACKOFF_MS;
    while (!signal.aborted) {
      try {
        const loads = callServerStream((metadata, options) => this.#client.watchLoad({}, metadata, options), {
          signal,
          headers: this.#keyHeaders(),
        });
        for await (const load of loads) {
          this.#current = load;
          backoffMs = FIRST_BACKOFF_MS;
        }
      } catch (error) {
        const { reason } = AppError.from(error);
        if (!signal.aborted)
          this.#options.log.warning('worker-unreachable', { address: this.#options.address, reason, backoffMs });
      }
      this.#current = DOWN;
      await pause(backoffMs, signal);
      backoffMs = Math.min(LAST_BACKOFF_MS, backoffMs * 2);
    }
  }
}
