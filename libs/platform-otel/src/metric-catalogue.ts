/** How a number behaves over time. A gauge is read when it is scraped. */
export type MetricKind = 'counter' | 'gauge' | 'histogram';

export interface MetricDefinition {
  name: string;
  kind: MetricKind;
  /** UCUM unit; `1` for shares and counts. */
  unit: string;
  help: string;
  /** What to do when it looks wrong. */
  action: string;
  labels: readonly string[];
  /** The name that existing dashboards for vLLM read; the same samples appear under it. */
  alias?: string;
  buckets?: readonly number[];
}

/** Wide on purpose: a prompt of a million tokens may take the better part of an hour to first token. */
const WAIT_SECONDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560,
];
const TOKEN_GAP_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5, 10, 20, 40, 80,
];
const TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576];

/** Every metric of the suite. A name here is recorded somewhere; docs/metrics.md is generated from this table. */
export const METRICS = {
  requestsRunning: {
    name: 'longhaul_num_requests_running',
    alias: 'vllm:num_requests_running',
    kind: 'gauge',
    unit: '{request}',
    help: 'Requests that the engine is computing.',
    action: 'Near --max-num-seqs: add workers or raise the limit.',
    labels: ['model_name'],
  },
  requestsWaiting: {
    name: 'longhaul_num_requests_waiting',
    alias: 'vllm:num_requests_waiting',
    kind: 'gauge',
    unit: '{request}',
    help: 'Requests that wait in the engine for a place in the batch or for KV pages.',
    action: 'Steadily above zero: add workers.',
    labels: ['model_name'],
  },
  kvCacheUsage: {
    name: 'longhaul_kv_cache_usage_perc',
    alias: 'vllm:kv_cache_usage_perc',
    kind: 'gauge',
    unit: '1',
    help: 'Share of the KV pool held by live sequences, 0 to 1.',
    action: 'Near 1 with preemptions: enlarge --kv-cache-tokens or add workers.',
    labels: ['model_name'],
  },
  promptTokens: {
    name: 'longhaul_prompt_tokens_total',
    alias: 'vllm:prompt_tokens_total',
    kind: 'counter',
    unit: '{token}',
    help: 'Prompt tokens of the requests that were answered, cached ones included.',
    action: 'Its rate is the offered prefill load.',
    labels: ['model_name'],
  },
  generationTokens: {
    name: 'longhaul_generation_tokens_total',
    alias: 'vllm:generation_tokens_total',
    kind: 'counter',
    unit: '{token}',
    help: 'Tokens generated.',
    action: 'Its rate is the throughput.',
    labels: ['model_name'],
  },
  prefixCacheQueries: {
    name: 'longhaul_prefix_cache_queries_total',
    alias: 'vllm:prefix_cache_queries_total',
    kind: 'counter',
    unit: '{token}',
    help: 'Prompt tokens looked up in the prefix cache.',
    action: 'Divide hits by it for the hit ratio.',
    labels: ['model_name'],
  },
  prefixCacheHits: {
    name: 'longhaul_prefix_cache_hits_total',
    alias: 'vllm:prefix_cache_hits_total',
    kind: 'counter',
    unit: '{token}',
    help: 'Prompt tokens whose KV came from the prefix cache.',
    action: 'Low with repeated prompts: the pool is too small, or prompts differ near their start.',
    labels: ['model_name'],
  },
  preemptions: {
    name: 'longhaul_num_preemptions_total',
    alias: 'vllm:num_preemptions_total',
    kind: 'counter',
    unit: '{preemption}',
    help: 'Sequences set back to waiting because the KV pool was full.',
    action: 'More than a few an hour: enlarge the pool or lower --max-num-seqs.',
    labels: ['model_name'],
  },
  requestSuccess: {
    name: 'longhaul_request_success_total',
    alias: 'vllm:request_success_total',
    kind: 'counter',
    unit: '{request}',
    help: 'Choices that ended without error, by why they ended.',
    action: 'A growing share of length: clients set max_tokens too low.',
    labels: ['model_name', 'finished_reason'],
  },
  requestErrors: {
    name: 'longhaul_request_errors_total',
    kind: 'counter',
    unit: '{request}',
    help: 'Requests that ended with an error, by stable reason.',
    action: 'INTERNAL is a defect: look for request-failed in the log.',
    labels: ['model_name', 'reason'],
  },
  timeToFirstToken: {
    name: 'longhaul_time_to_first_token_seconds',
    alias: 'vllm:time_to_first_token_seconds',
    kind: 'histogram',
    unit: 's',
    help: 'From the arrival of a request to its first token.',
    action: 'Compare with queue and prefill time to see which part grew.',
    labels: ['model_name'],
    buckets: WAIT_SECONDS,
  },
  interTokenLatency: {
    name: 'longhaul_inter_token_latency_seconds',
    alias: 'vllm:inter_token_latency_seconds',
    kind: 'histogram',
    unit: 's',
    help: 'Between two token deliveries of one choice.',
    action: 'High tail: lower --max-num-batched-tokens so that prefill chunks get shorter.',
    labels: ['model_name'],
    buckets: TOKEN_GAP_SECONDS,
  },
  requestLatency: {
    name: 'longhaul_e2e_request_latency_seconds',
    alias: 'vllm:e2e_request_latency_seconds',
    kind: 'histogram',
    unit: 's',
    help: 'From the arrival of a request to its end.',
    action: 'Read beside the token histograms.',
    labels: ['model_name'],
    buckets: WAIT_SECONDS,
  },
  requestQueueTime: {
    name: 'longhaul_request_queue_time_seconds',
    alias: 'vllm:request_queue_time_seconds',
    kind: 'histogram',
    unit: 's',
    help: 'Time a request waited in the engine.',
    action: 'Grows before anything else under overload: add workers.',
    labels: ['model_name'],
    buckets: WAIT_SECONDS,
  },
  requestPrefillTime: {
    name: 'longhaul_request_prefill_time_seconds',
    alias: 'vllm:request_prefill_time_seconds',
    kind: 'histogram',
    unit: 's',
    help: "Time from a request's first step to its first token.",
    action: 'Follows prompt length less cached tokens.',
    labels: ['model_name'],
    buckets: WAIT_SECONDS,
  },
  requestDecodeTime: {
    name: 'longhaul_request_decode_time_seconds',
    alias: 'vllm:request_decode_time_seconds',
    kind: 'histogram',
    unit: 's',
    help: "Time from a request's first token to its last.",
    action: 'Follows answer length and batch size.',
    labels: ['model_name'],
    buckets: WAIT_SECONDS,
  },
  requestPromptTokens: {
    name: 'longhaul_request_prompt_tokens',
    alias: 'vllm:request_prompt_tokens',
    kind: 'histogram',
    unit: '{token}',
    help: 'Length of prompts.',
    action: 'Says what the context length and the pool must hold.',
    labels: ['model_name'],
    buckets: TOKENS,
  },
  requestGenerationTokens: {
    name: 'longhaul_request_generation_tokens',
    alias: 'vllm:request_generation_tokens',
    kind: 'histogram',
    unit: '{token}',
    help: 'Tokens generated per request, over all its choices.',
    action: 'Says what max_tokens default fits.',
    labels: ['model_name'],
    buckets: TOKENS,
  },
  stepTokens: {
    name: 'longhaul_step_tokens',
    alias: 'vllm:iteration_tokens_total',
    kind: 'histogram',
    unit: '{token}',
    help: 'Tokens computed in one engine step.',
    action: 'Near --max-num-batched-tokens all the time: prefill bound.',
    labels: ['model_name'],
    buckets: TOKENS,
  },
  stepDuration: {
    name: 'longhaul_step_duration_seconds',
    kind: 'histogram',
    unit: 's',
    help: 'Wall time of one engine step.',
    action: 'Bounds the inter-token latency of everybody in the batch.',
    labels: ['model_name'],
    buckets: TOKEN_GAP_SECONDS,
  },
  admittedRequests: {
    name: 'longhaul_router_admitted_requests',
    kind: 'gauge',
    unit: '{request}',
    help: 'Requests that the router has admitted and not yet finished.',
    action: 'At --max-concurrent-requests clients get 429.',
    labels: [],
  },
  admittedPromptBytes: {
    name: 'longhaul_router_admitted_prompt_bytes',
    kind: 'gauge',
    unit: 'By',
    help: 'Bytes of the request bodies that the router holds.',
    action: 'At --max-queued-prompt-bytes clients get 429.',
    labels: [],
  },
  rejectedRequests: {
    name: 'longhaul_router_rejected_requests_total',
    kind: 'counter',
    unit: '{request}',
    help: 'Requests refused at admission, by reason.',
    action: 'Growing: the limits or the workers are too small.',
    labels: ['reason'],
  },
  disconnectedClients: {
    name: 'longhaul_router_disconnected_clients_total',
    kind: 'counter',
    unit: '{request}',
    help: 'Streams that ended because the client went away or stopped reading, by reason.',
    action: 'STALLED: a client or proxy does not read; see --stall-timeout-ms.',
    labels: ['reason'],
  },
  workerReady: {
    name: 'longhaul_router_worker_ready',
    kind: 'gauge',
    unit: '1',
    help: '1 while the backend is ready, else 0.',
    action: "0: look at the worker's /health and the worker-unreachable log lines.",
    labels: [],
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricKey = keyof typeof METRICS;
