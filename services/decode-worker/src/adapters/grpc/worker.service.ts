import { workerV1, type inferenceV1 } from '@longhaul/contracts';
import type { InferenceBackend, TokenizerFiles } from '@longhaul/inference';
import { fromWorkerRequest, toGenerateResponse, toGetModelResponse } from '@longhaul/inference-wire';
import { AppError, monotonicMs, pause } from '@longhaul/kernel';
import { serverStream, unary, type CallContext, type GrpcHost } from '@longhaul/platform-grpc';
import { inSpan, openServerSpan, type EventLog } from '@longhaul/platform-otel';

export interface WorkerServiceParts {
  backend: InferenceBackend;
  log: EventLog;
  stallTimeoutMs: number;
  /** Whether the worker, not only its engine, is well enough for requests. */
  isReady: () => boolean;
}

const NAME = 'longhaul.worker.v1.WorkerService';
const CHUNK_BYTES = 2 ** 20;
/** A change of load is told at most this often. */
const LOAD_INTERVAL_MS = 100;

/** The worker's API for routers, over the same port that a router in this process would use. */
export function addWorkerService(host: GrpcHost, parts: WorkerServiceParts): void {
  const options = { stallTimeoutMs: parts.stallTimeoutMs };
  const service: workerV1.WorkerServiceServer = {
    generate: serverStream((request: workerV1.GenerateRequest, call) => generate(parts, request, call), options),
    getModel: unary(async (_request: workerV1.GetModelRequest, call) =>
      toGetModelResponse(await parts.backend.model(call.signal)),
    ),
    getTokenizer: serverStream(
      (_request: workerV1.GetTokenizerRequest, call) => tokenizerChunks(parts.backend, call.signal),
      options,
    ),
    watchLoad: serverStream((_request: workerV1.WatchLoadRequest, call) => loads(parts, call.signal), {
      ...options,
      endless: true,
    }),
  };
  host.addService(NAME, workerV1.WorkerServiceService, service);
}

async function* generate(
  parts: WorkerServiceParts,
  message: workerV1.GenerateRequest,
  call: CallContext,
): AsyncGenerator<inferenceV1.GenerateResponse, void> {
  const span = openServerSpan(`${NAME}/Generate`, call.headers, { 'rpc.system': 'grpc', 'rpc.service': NAME });
  const { requestId } = message;
  call.annotate({ requestId, inTrace: (action) => inSpan(span, action) });
  let outcome = 'OK';
  try {
    const deadlineMs = call.timeoutMs === null ? null : monotonicMs() + call.timeoutMs;
    const request = fromWorkerRequest(message, deadlineMs);
    const events = inSpan(span, () => parts.backend.generate(request, call.signal));
    const promptTokens = request.promptTokenIds.length;
    for await (const event of events) yield toGenerateResponse(event, promptTokens);
  } catch (error) {
    const known = AppError.from(error);
    outcome = known.reason;
    if (known.code === 'INTERNAL')
      inSpan(span, () => parts.log.failure('request-failed', known.cause ?? known, { requestId }));
    throw known;
  } finally {
    if (call.signal.aborted) outcome = AppError.from(call.signal.reason).reason;
    span.end(outcome === 'OK' ? undefined : outcome);
  }
}

async function* tokenizerChunks(
  backend: InferenceBackend,
  signal: AbortSignal,
): AsyncGenerator<workerV1.TokenizerChunk, void> {
  for (const [file, bytes] of filesOf(await backend.tokenizerFiles(signal))) {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      yield { file, data: Buffer.from(bytes.subarray(at, at + CHUNK_BYTES)) };
    }
  }
}

function filesOf(files: TokenizerFiles): [workerV1.TokenizerChunk_File, Uint8Array][] {
  const template = files.chatTemplate === null ? [] : [Buffer.from(files.chatTemplate, 'utf8')];
  return [
    [workerV1.TokenizerChunk_File.FILE_TOKENIZER_JSON, files.tokenizerJson],
    [workerV1.TokenizerChunk_File.FILE_TOKENIZER_CONFIG_JSON, files.tokenizerConfigJson],
    ...template.map((bytes): [workerV1.TokenizerChunk_File, Uint8Array] => [
      workerV1.TokenizerChunk_File.FILE_CHAT_TEMPLATE,
      bytes,
    ]),
  ];
}

async function* loads(
  { backend, isReady }: WorkerServiceParts,
  signal: AbortSignal,
): AsyncGenerator<workerV1.Load, void> {
  let told = '';
  while (!signal.aborted) {
    const { running, waiting, kvUsage, ...load } = backend.load();
    const ready = load.ready && isReady();
    const key = JSON.stringify([ready, running, waiting, kvUsage]);
    if (key !== told) yield { ready, running, waiting, kvUsage };
    told = key;
    await pause(LOAD_INTERVAL_MS, signal);
  }
}
