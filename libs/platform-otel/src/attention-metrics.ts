import { SHARES, type MetricDefinition } from './metric-definition.js';

/** What attention policies do for the requests that ask for them. */
export const ATTENTION_METRICS = {
  attentionRequests: {
    name: 'longhaul_attention_requests_total',
    kind: 'counter',
    unit: '{request}',
    help: "Finished requests by attention policy: a preset's name, or custom.",
    action: 'None for a policy that callers ask for: they are refused, or their requests fail.',
    labels: ['model_name', 'policy'],
  },
  attentionDensity: {
    name: 'longhaul_attention_density',
    kind: 'histogram',
    unit: '1',
    help: 'Share of the visible KV that the queries of a request under a policy looked at, by phase (prefill, decode); 0 to 1.',
    action: 'Near 1: the texts are too short for the policy, or too hard for it; it saves nothing.',
    labels: ['model_name', 'policy', 'phase'],
    buckets: SHARES,
  },
} as const satisfies Record<string, MetricDefinition>;
