import type { Attributes } from '@opentelemetry/api';
import type { MetricKey } from './metric-catalogue.js';

/** The part of the suite that feeds a metric. */
export type MetricOwner = 'engine' | 'router' | 'store' | 'store-service' | 'process';

/** Every metric by its owner. */
export const METRIC_OWNERS = {
  engine: [
    ...([
      'requestsRunning',
      'requestsWaiting',
      'waitingByReason',
      'kvCacheUsage',
      'cacheConfig',
      'stepAge',
      'kernelInfo',
    ] as const),
    ...([
      'promptTokens',
      'promptTokensCached',
      'promptTokensBySource',
      'generationTokens',
      'recomputedTokens',
    ] as const),
    ...(['prefixCacheQueries', 'prefixCacheHits', 'externalCacheQueries', 'externalCacheHits'] as const),
    ...(['preemptions', 'corruptedRequests', 'failedSteps', 'stepTokens', 'stepDuration', 'kvReadBytes'] as const),
    ...(['requestQueueTime', 'requestPrefillTime', 'requestDecodeTime', 'requestInferenceTime'] as const),
    ...(['requestTimePerOutputToken', 'requestPrefillComputed', 'requestMaxTokens', 'requestChoices'] as const),
    ...(['requestLongestChoice', 'blockLifetime', 'blockIdle', 'blockReuseGap'] as const),
    ...(['kvLoadDecisions', 'kvLoadDuration', 'kvLoadOverlap', 'kvLoadWait'] as const),
    ...(['kvWriteBehindQueue', 'kvWriteBehindDropped'] as const),
    ...(['drafts', 'draftTokens', 'acceptedTokens', 'acceptedTokensByPosition'] as const),
    ...(['attentionRequests', 'attentionDensity'] as const),
    ...(['attentionAuditRecall', 'attentionAuditError', 'attentionAuditSamples'] as const),
    ...(['attentionAuditBreaches', 'attentionAuditFallbacks', 'attentionAuditKl'] as const),
    ...(['attentionAuditFailedComparisons', 'attentionAuditScratchPages'] as const),
    ...(['drafterBytes', 'draftingFailures', 'invariantChecks', 'invariantViolations'] as const),
  ],
  router: [
    ...(['requestSuccess', 'requestErrors', 'timeToFirstToken', 'interTokenLatency', 'requestLatency'] as const),
    ...(['requestPromptTokens', 'requestGenerationTokens', 'admittedRequests', 'admittedPromptBytes'] as const),
    ...(['rejectedRequests', 'disconnectedClients', 'workerReady', 'apiRequests'] as const),
    ...(['arrivingRequests', 'arrivingBytes', 'openConnections'] as const),
    ...(['templateJobsRunning', 'templateJobsQueued', 'eventLoopDelay'] as const),
  ],
  store: [
    ...(['kvStoredBlocks', 'kvStoredBytes', 'kvLoadedBytes', 'kvLookups', 'kvHitBlocks', 'kvMissedBlocks'] as const),
    ...(['kvEvictedBlocks', 'kvCorruptBlocks', 'kvRefusedPuts', 'kvTierBytes', 'kvTierLimitBytes'] as const),
    ...([
      'kvTierBlocks',
      'kvTierWritable',
      'kvLeases',
      'kvOperationDuration',
      'kvStoreIncidents',
      'kvLostRecords',
    ] as const),
    ...(['kvLostBytes', 'kvBoundUsed', 'kvBoundLimit'] as const),
  ],
  'store-service': [
    ...(['kafkaUp', 'kvEventsPublished', 'kvEventsDropped', 'kvEventsQueued', 'kvEventGaps'] as const),
    ...(['kvDataChannels'] as const),
  ],
  process: [
    ...(['processCpuSeconds', 'processStartTime', 'processResidentMemory', 'processVirtualMemory'] as const),
    ...(['processOpenFds', 'processMaxFds'] as const),
  ],
} as const satisfies Record<MetricOwner, readonly MetricKey[]>;

/** Names a metric that nobody owns, and does not compile then. */
type Unowned = Exclude<MetricKey, (typeof METRIC_OWNERS)[MetricOwner][number]>;
const everyMetricIsOwned: [Unowned] extends [never] ? true : Unowned = true;
void everyMetricIsOwned;

const each = (label: string, ...values: readonly string[]): Attributes[] => values.map((value) => ({ [label]: value }));

/** The values of labels that are known before anything happens; a series of each is there from the start, at zero. */
export const KNOWN_LABELS: Partial<Record<MetricKey, readonly Attributes[]>> = {
  promptTokensBySource: each('source', 'local_compute', 'local_cache_hit', 'external_kv_transfer'),
  kvLoadDecisions: each('decision', 'load', 'recompute', 'failed'),
  kvWriteBehindDropped: each('reason', 'evicted', 'closed'),
  acceptedTokensByPosition: each('position', '0', '1', '2', '3'),
  invariantViolations: each('kind', 'pages', 'sequences', 'transfers', 'places', 'cache', 'attention', 'check'),
  attentionRequests: each('policy', 'dense', 'balanced', 'fast', 'custom'),
  attentionDensity: ['balanced', 'fast', 'custom'].flatMap((policy) =>
    ['prefill', 'decode'].map((phase) => ({ policy, phase })),
  ),
  attentionAuditRecall: each('policy', 'balanced', 'fast', 'custom'),
  attentionAuditKl: each('policy', 'balanced', 'fast', 'custom'),
  attentionAuditError: each('policy', 'balanced', 'fast', 'custom'),
  attentionAuditSamples: each('policy', 'balanced', 'fast', 'custom'),
  attentionAuditBreaches: each('policy', 'balanced', 'fast', 'custom'),
  attentionAuditFallbacks: ['balanced', 'fast', 'custom'].flatMap((policy) =>
    ['denser', 'dense'].map((to) => ({ policy, to })),
  ),
  requestSuccess: each('finished_reason', 'stop', 'length'),
  apiRequests: ['POST /v1/chat/completions', 'POST /v1/completions'].map((method) => ({
    ...{ api: 'http', method, status: '200', reason: 'OK' },
  })),
  requestErrors: each('reason', 'CANCELLED', 'DEADLINE_EXCEEDED', 'INTERNAL'),
  rejectedRequests: each('reason', 'TOO_MANY_REQUESTS', 'TOO_MANY_PROMPT_BYTES'),
  disconnectedClients: each('reason', 'DISCONNECTED', 'STALLED'),
  kvEvictedBlocks: each('cause', 'capacity', 'expired', 'asked', 'corrupt'),
  kvLostRecords: each('found', 'start', 'serving'),
  kvLostBytes: each('found', 'start', 'serving'),
  kvRefusedPuts: each('reason', 'KV_BUSY', 'KV_QUOTA_EXCEEDED'),
  kvOperationDuration: each('operation', 'lookup', 'put', 'get', 'evict'),
  kvStoreIncidents: ['tier_errors', 'tier_timeouts'].map((kind) => ({ kind, reason: '' })),
};
