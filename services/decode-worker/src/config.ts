import { attentionChoices, policyBounds } from '@longhaul/attention';
import { values, type ConfigOf, type Settings } from '@longhaul/platform-config';
import { prefixStoreSettings, remoteStoreSettings } from './prefix-store-settings.js';

/** Keys of the engine, in every shape in which the worker runs. */
export const engineSettings = {
  model: { schema: values.text(), description: 'Directory of a model package, as `longhaul model import` writes it.' },
  servedModelName: {
    schema: values.text().optional(),
    description: 'Name of the model in the API.',
    defaultText: 'name in the package',
  },
  maxModelLen: {
    schema: values.integer(1).optional(),
    description: 'Longest prompt and answer together; at most what the model and --rope-scaling give.',
    unit: 'tokens',
    defaultText: 'of the model',
  },
  maxNumSeqs: {
    schema: values.integer(1, 1024).default(32),
    description: 'Most sequences in one step.',
    unit: 'sequences',
  },
  maxNumBatchedTokens: {
    schema: values.integer(2).default(512),
    description: 'Most tokens in one step; the larger, the faster the prefill and the longer others wait for it.',
    unit: 'tokens',
  },
  maxWaitingRequests: {
    schema: values.integer(1).default(256),
    description: 'Most requests waiting in the engine; more get 429.',
    unit: 'requests',
  },
  kvCacheDtype: {
    schema: values.oneOf('bf16', 'f32', 'int8').default('bf16'),
    description: 'How keys and values are kept: int8 halves them.',
  },
  kvCacheTokens: {
    schema: values.integer(16).optional(),
    description: 'Size of the KV pool; instead of --kv-cache-bytes.',
    unit: 'tokens',
    defaultText: 'four contexts, within a quarter of the free memory',
  },
  kvCacheBytes: {
    schema: values.bytes().optional(),
    description: 'Size of the KV pool; instead of --kv-cache-tokens.',
    unit: 'bytes',
  },
  attentionAllowed: {
    schema: values.someOf(...attentionChoices).default([...attentionChoices]),
    allowed: `some of ${attentionChoices.join(', ')}, separated by commas`,
    description:
      'Attention policies to be ready for: for any but dense the KV pool keeps bounds of the keys of each page, a sixteenth more memory with bf16, an eighth with int8. Which of them a request may ask for is for the router to say; without the bounds those are refused that need them.',
    defaultText: attentionChoices.join(','),
  },
  auditShare: {
    schema: values.share().default(0),
    description:
      'Share of the queries under attention policies for which dense attention is computed as well, to tell what the policy loses; a choice that loses too much falls back to a denser policy, then to dense attention.',
    allowed: '0 to 1; 0 is none',
  },
  auditKlShare: {
    schema: values.share().optional(),
    description:
      'Share of the decode steps under attention policies that are computed a second time, densely, to tell how far the next token is from that of dense attention.',
    allowed: '0 to 1; 0 is none',
    defaultText: 'a tenth of --audit-share',
  },
  auditLeastRecall: {
    schema: values.share().default(0.5),
    description:
      'What a policy that says nothing else must keep of the attention mass, on the mean of the latest samples of a choice; with less the choice falls back.',
    allowed: '0 to 1; 0 never falls back',
  },
  auditMostKl: {
    schema: values.number(0, policyBounds.kl).default(1),
    description:
      'How far the next token under a policy that says nothing else may be from that of dense attention, KL(dense || policy) on the mean of the latest steps compared; beyond it the choice falls back.',
    unit: 'nats',
    allowed: `0 to ${policyBounds.kl}; ${policyBounds.kl} never falls back`,
  },
  threads: {
    schema: values.integer(1, 512).optional(),
    description: 'Compute threads.',
    unit: 'threads',
    defaultText: 'processors available',
  },
  spin: {
    schema: values.flag().default(false),
    description: 'Let compute threads spin between operators: faster decode, busier processors.',
    isSwitch: true,
  },
  kernelProfile: {
    schema: values.text().optional(),
    description: 'File with the kernel levels to run; it must be of this model package and processor.',
    defaultText: "the machine's own measurement",
  },
  ropeScaling: {
    schema: values.text().optional(),
    description: 'Serve beyond the trained context: yarn:4, linear:2 or dynamic:2.',
    allowed: 'yarn:FACTOR, linear:FACTOR, dynamic:FACTOR',
  },
  prefixCaching: {
    schema: values.flag().default(true),
    description: 'Keep the KV of finished requests for later ones with the same beginning.',
    isSwitch: true,
    flag: 'enable-prefix-caching',
  },
  stepTimeoutMs: {
    schema: values.integer(0).default(600_000),
    description:
      'A step of the model that runs longer makes the worker not live (/live, gRPC liveness); 0 is no limit.',
    unit: 'ms',
  },
  verifyWeights: {
    schema: values.flag().default(true),
    description:
      'Compare the model package with its SHA-256 sums beside the serving; the service ends if it is damaged.',
    isSwitch: true,
  },
  ...prefixStoreSettings,
} satisfies Settings;

/** All keys of the worker as its own process. */
export const workerSettings = {
  ...engineSettings,
  ...remoteStoreSettings,
  host: { schema: values.text().default('127.0.0.1'), description: 'Address that gRPC and HTTP listen on.' },
  grpcPort: { schema: values.port().default(50052), description: 'Port of the worker API; 0 takes a free one.' },
  workerKey: {
    schema: values.text().optional(),
    description: 'Bearer key that routers must send (their --worker-key); without it the worker API is open.',
    secret: true,
  },
  port: {
    schema: values.port().default(8001),
    description: 'Port of /health, /ready and /metrics; 0 takes a free one.',
  },
  maxMessageBytes: {
    schema: values.bytes(1024).default(64 * 2 ** 20),
    description: 'Largest gRPC message.',
    unit: 'bytes',
  },
  stallTimeoutMs: {
    schema: values.integer(10).default(60_000),
    description: 'A router that reads nothing for this long loses its stream.',
    unit: 'ms',
  },
  drainTimeoutMs: {
    schema: values.integer(0).default(30_000),
    description: 'How long running requests may go on after a stop signal; then they end with SHUTTING_DOWN.',
    unit: 'ms',
  },
  logLevel: {
    schema: values.oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent').default('info'),
    description: 'Least severe log line that is written.',
    env: 'LOG_LEVEL',
  },
} satisfies Settings;

export type EngineConfig = ConfigOf<typeof engineSettings>;
export type WorkerConfig = ConfigOf<typeof workerSettings>;
/** What is needed to reach a kv-store service. */
export type RemoteStoreConfig = ConfigOf<typeof remoteStoreSettings> & Pick<EngineConfig, 'kvTenantSecret'>;
