import { inferenceV1 } from '@longhaul/contracts';
import {
  fromQuality,
  fromSampling,
  fromSpeculation,
  fromStop,
  toGenerateResponse,
  toModelInfoResponse,
} from '@longhaul/inference-wire';
import { AppError, invalidArgument, monotonicMs } from '@longhaul/kernel';
import { inSpan, openServerSpan, type EventLog } from '@longhaul/platform-otel';
import { serverStream, unary, type CallContext, type GrpcHost } from '@longhaul/platform-grpc';
import type { Admission } from '../../core/admission.js';
import type { GenerateCommand } from '../../core/command.js';
import type { GenerationService } from '../../core/generation.js';
import type { RequestObserver } from '../../core/ports.js';
import type { ModelDirectory } from '../../core/served-model.js';
import { spellField } from '../../core/spell-field.js';
import type { Tenant, TenantDirectory } from '../../core/tenants/tenant.js';
import { chooseRequestId } from '../http/request-id.js';
import { authenticate } from '../tenants/authenticate.js';
import { inputBytes, toAttention, toInput } from './wire-input.js';

export interface InferenceServiceParts {
  generation: GenerationService;
  models: ModelDirectory;
  admission: Admission;
  observer: RequestObserver;
  log: EventLog;
  tenants: TenantDirectory;
  stallTimeoutMs: number;
  /** Bound on the caller's deadline, and the deadline of callers without one. */
  requestTimeoutMs: number;
}

const NAME = 'longhaul.inference.v1.InferenceService';
/** Where the core's fields stand in the messages. */
const WIRE_FIELDS: ReadonlyMap<string, string> = new Map([
  ...['temperature', 'top_p', 'top_k', 'min_p', 'repetition_penalty', 'presence_penalty', 'frequency_penalty']
    .concat('logit_bias', 'seed')
    .map((field) => [field, `sampling.${field}`] as const),
  ['stop', 'stop.strings'],
  ['stop_token_ids', 'stop.token_ids'],
  ['min_tokens', 'stop.min_tokens'],
]);

/** The public gRPC API, over the same core as HTTP. */
export function addInferenceService(host: GrpcHost, parts: InferenceServiceParts): void {
  const service: inferenceV1.InferenceServiceServer = {
    generate: serverStream((request: inferenceV1.GenerateRequest, call) => generate(parts, request, call), {
      stallTimeoutMs: parts.stallTimeoutMs,
    }),
    tokenize: unary((request: inferenceV1.TokenizeRequest, call) => tokenize(parts, request, call)),
    modelInfo: unary((_request: inferenceV1.ModelInfoRequest, call) => Promise.resolve(modelInfo(parts, call))),
  };
  host.addService(NAME, inferenceV1.InferenceServiceService, service);
}

async function* generate(
  parts: InferenceServiceParts,
  request: inferenceV1.GenerateRequest,
  call: CallContext,
): AsyncGenerator<inferenceV1.GenerateResponse, void> {
  const requestId = requestIdOf(request.requestId || call.headers['x-request-id']);
  call.sendHeaders({ 'x-request-id': requestId });
  const lease = admit(parts, inputBytes(request.input));
  const span = openServerSpan(`${NAME}/Generate`, call.headers, { 'rpc.system': 'grpc', 'rpc.service': NAME });
  call.annotate({ requestId, inTrace: (action) => inSpan(span, action) });
  let outcome = 'OK';
  try {
    const deadlineMs = monotonicMs() + Math.min(call.timeoutMs ?? Infinity, parts.requestTimeoutMs);
    const command = toCommand(request, { requestId, tenant: tenantOf(parts, call), deadlineMs });
    const started = await inSpan(span, () => parts.generation.start(command, call.signal));
    const promptTokens = started.request.promptTokenIds.length;
    for await (const event of started.events) yield toGenerateResponse(event, promptTokens);
  } catch (error) {
    const known = spellField(AppError.from(error), WIRE_FIELDS);
    outcome = known.reason;
    if (known.code === 'INTERNAL')
      inSpan(span, () => parts.log.failure('request-failed', known.cause ?? known, { requestId }));
    throw known;
  } finally {
    lease.release();
    if (call.signal.aborted) outcome = AppError.from(call.signal.reason).reason;
    if (outcome === 'CANCELLED') parts.observer.clientLost('DISCONNECTED');
    if (outcome === 'CLIENT_STALLED') parts.observer.clientLost('STALLED');
    span.end(outcome === 'OK' ? undefined : outcome);
  }
}

function modelInfo(parts: InferenceServiceParts, call: CallContext): inferenceV1.ModelInfoResponse {
  const tenant = tenantOf(parts, call);
  const { info, attention } = parts.models.forTenant(tenant);
  const { default: attentionDefault, allowed, artefacts } = attention.offerTo(tenant);
  const offered = { attentionDefault, attentionAllowed: [...allowed], attentionArtefacts: [...artefacts] };
  return { ...toModelInfoResponse(info), ...offered };
}

/** The gate has let the call in already; here it is who came. */
function tenantOf({ tenants }: InferenceServiceParts, call: CallContext): Tenant {
  const tenant = authenticate(tenants, call.headers['authorization']);
  call.annotate({ tenant: tenant.id });
  return tenant;
}

function requestIdOf(sent: string | undefined): string {
  const { id, refused } = chooseRequestId(sent);
  if (refused)
    throw invalidArgument('request_id', 'request_id must have 1 to 128 printable ASCII characters without spaces.');
  return id;
}

async function tokenize(
  parts: InferenceServiceParts,
  request: inferenceV1.TokenizeRequest,
  call: CallContext,
): Promise<inferenceV1.TokenizeResponse> {
  const lease = admit(parts, inputBytes(request.input));
  try {
    const input = toInput(request.input, request);
    const options = { tenant: tenantOf(parts, call), model: undefined, signal: call.signal };
    const { tokenIds } = await parts.generation.tokenize(input, options);
    return { tokenIds: [...tokenIds] };
  } finally {
    lease.release();
  }
}

function admit(parts: InferenceServiceParts, bytes: number): { release(): void } {
  const result = parts.admission.admit(bytes);
  if (result.kind === 'admitted') return result;
  parts.observer.requestRejected(result.error.reason);
  throw result.error;
}

function toCommand(
  request: inferenceV1.GenerateRequest,
  origin: Pick<GenerateCommand, 'requestId' | 'tenant' | 'deadlineMs'>,
): GenerateCommand {
  return {
    ...origin,
    model: request.model === '' ? undefined : request.model,
    input: toInput(request.input, request),
    n: request.n === 0 ? 1 : request.n,
    maxTokens: request.maxTokens,
    scoreOnly: false,
    sampling: fromSampling(request.sampling),
    stop: fromStop(request.stop),
    logprobs: request.logprobs ?? null,
    promptLogprobs: request.promptLogprobs ?? null,
    includeSpecialTokens: request.includeSpecialTokens,
    speculation: fromSpeculation(request.speculation),
    priority: request.priority,
    cacheSalt: request.cacheSalt,
    attention: toAttention(request.attention),
    quality: fromQuality('quality', request.quality),
  };
}
