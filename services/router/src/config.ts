import { presetNames, type PresetName } from '@longhaul/attention';
import { AppError } from '@longhaul/kernel';
import { configInvalid, values, type ConfigOf, type Settings } from '@longhaul/platform-config';
import { NEVER } from 'zod';
import { attentionChoices, type AttentionChoice } from '@longhaul/attention';
import { faultsOfRules, type AttentionRules } from './core/attention/attention-rules.js';
import { parseSamplingDefaults } from './core/sampling-defaults.js';

const samplingDefaults = values.text().transform((text, context) => {
  try {
    return parseSamplingDefaults(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: AppError.from(error).message });
    return NEVER;
  }
});

/** Keys of the public edge, in every shape in which the router runs. */
export const edgeSettings = {
  host: { schema: values.text().default('127.0.0.1'), description: 'Address that HTTP and gRPC listen on.' },
  port: {
    schema: values.port().default(8000),
    description: 'Port of the OpenAI-compatible HTTP API; 0 takes a free one.',
  },
  apiKey: {
    schema: values.text().optional(),
    description: 'Bearer key that clients must send; without it the API is open.',
    secret: true,
  },
  tenants: {
    schema: values.text().optional(),
    description:
      'JSON file of tenants and the digests of their API keys (docs/tenants.md), read at start; instead of --api-key.',
  },
  maxConcurrentRequests: {
    schema: values.integer(1).default(256),
    description: 'Most requests held at once; more get 429.',
    unit: 'requests',
  },
  maxQueuedPromptBytes: {
    schema: values.bytes().default(256 * 2 ** 20),
    description: 'Most bytes of request bodies that have arrived and are held at once; more get 429.',
    unit: 'bytes',
  },
  maxConnections: {
    schema: values.integer(1).default(4096),
    description:
      'Most open connections over HTTP, and as many over gRPC; then idle ones over HTTP are closed, and one too many is told so and closed.',
    unit: 'connections',
  },
  maxArrivingRequests: {
    schema: values.integer(1).default(1024),
    description:
      'Most requests whose bodies or gRPC messages are on their way; then the client with most of them loses the one that waits longest for a byte.',
    unit: 'requests',
  },
  maxArrivingRequestsPerClient: {
    schema: values.integer(1).default(64),
    description: 'The same for one client address (for IPv6 its /64 network), which only displaces its own.',
    unit: 'requests',
  },
  maxArrivingBytes: {
    schema: values.bytes().default(256 * 2 ** 20),
    description:
      'Most bytes held of bodies and gRPC messages (but of gRPC reflection) that are on their way; then the client that holds most loses the one that waits longest for a byte.',
    unit: 'bytes',
  },
  maxBodyBytes: {
    schema: values.bytes(1024).default(32 * 2 ** 20),
    description: 'Largest request body or gRPC message; larger ones get 413 or RESOURCE_EXHAUSTED.',
    unit: 'bytes',
  },
  bodyTimeoutMs: {
    schema: values.integer(10, 2 ** 31 - 1).default(120_000),
    description: 'Longest time that a client may take to send a request; more gets 408.',
    unit: 'ms',
  },
  bodyIdleTimeoutMs: {
    schema: values.integer(10, 2 ** 31 - 1).default(10_000),
    description: 'A body of which less than 1 KiB comes within this time gets 408.',
    unit: 'ms',
  },
  corsOrigins: {
    schema: values.origins().optional(),
    description:
      'Origins of web pages that may call the API from a browser, separated by commas, or *; without it none may.',
    defaultText: 'none',
  },
  ssePingMs: {
    schema: values.integer(10).default(15_000),
    description: 'A stream without data gets a comment this often.',
    unit: 'ms',
  },
  stallTimeoutMs: {
    schema: values.integer(10).default(60_000),
    description: 'A client that reads nothing for this long loses its stream.',
    unit: 'ms',
  },
  requestTimeoutMs: {
    schema: values.integer(10).default(4 * 3_600_000),
    description: 'Longest time from the end of a request to the end of its answer; more gets 504 (DEADLINE_EXCEEDED).',
    unit: 'ms',
  },
  drainTimeoutMs: {
    schema: values.integer(0).default(30_000),
    description: 'How long running requests may go on after a stop signal; then they end with SHUTTING_DOWN.',
    unit: 'ms',
  },
  chatTemplate: {
    schema: values.text().optional(),
    description: "Chat template (Jinja) instead of the model's own: the name of a file, or the text itself.",
    defaultText: "the model's own",
  },
  samplingDefaults: {
    schema: samplingDefaults.default({ kind: 'model' }),
    description:
      'What requests get that set nothing: what the model says (`model`), temperature 1 without truncation (`neutral`), ' +
      'or a JSON object of temperature, top_p, top_k, min_p and repetition_penalty.',
    defaultText: 'model',
  },
  attentionDefault: {
    schema: values.oneOf(...presetNames).default('dense'),
    description:
      'How attention is computed for requests that do not say: a preset (docs/api.md), which has to be allowed and possible on the model.',
  },
  attentionAllowed: {
    schema: values.someOf(...attentionChoices).default([...attentionChoices]),
    allowed: `some of ${attentionChoices.join(', ')}, separated by commas`,
    description: 'What requests may ask for of attention: presets, and whole policies (`custom`).',
    defaultText: attentionChoices.join(','),
  },
  logLevel: {
    schema: values.oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent').default('info'),
    description: 'Least severe log line that is written.',
    env: 'LOG_LEVEL',
  },
} satisfies Settings;

/** All keys of the router as its own process. */
export const routerSettings = {
  ...edgeSettings,
  worker: {
    schema: values.address(),
    allowed: 'host:port',
    description: 'Decode worker to send requests to, as host:port.',
  },
  workerKey: {
    schema: values.text().optional(),
    description: 'Bearer key for the worker, where it asks for one (its --worker-key).',
    secret: true,
  },
  grpcPort: { schema: values.port().default(50051), description: 'Port of the gRPC API; 0 takes a free one.' },
} satisfies Settings;

export type RouterProcessConfig = ConfigOf<typeof routerSettings>;

/** What is configured about attention. */
export interface AttentionConfig {
  readonly attentionDefault: PresetName;
  readonly attentionAllowed: readonly AttentionChoice[];
}

/**
 * What the configuration says of attention, as one.
 *
 * @throws AppError `CONFIG_INVALID` where the default is not allowed.
 */
export function attentionRules({ attentionDefault, attentionAllowed }: AttentionConfig): AttentionRules {
  const rules = { default: attentionDefault, allowed: new Set(attentionAllowed) };
  const faults = faultsOfRules(rules);
  if (faults.length > 0) throw configInvalid(faults);
  return rules;
}

/** What the router needs wherever it runs. Without a gRPC port it serves HTTP only. */
export type RouterConfig = ConfigOf<typeof edgeSettings> & { readonly grpcPort?: number | undefined };
