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
  attentionAuditRecall: {
    name: 'longhaul_attention_audit_recall',
    kind: 'histogram',
    unit: '1',
    help: 'Share of the attention mass that a policy kept, mean of the samples of a step; 0 to 1.',
    action: 'Low: the policy leaves out what matters for these texts; see fallbacks.',
    labels: ['model_name', 'policy'],
    buckets: SHARES,
  },
  attentionAuditError: {
    name: 'longhaul_attention_audit_output_error',
    kind: 'histogram',
    unit: '1',
    help: 'Relative L2 error of the attention output under a policy, mean of the samples of a step.',
    action: 'High: as low recall.',
    labels: ['model_name', 'policy'],
    buckets: SHARES,
  },
  attentionAuditSamples: {
    name: 'longhaul_attention_audit_samples_total',
    kind: 'counter',
    unit: '{sample}',
    help: 'Queries, of one KV head in one layer, that were also computed densely.',
    action: 'None with policies in use: --audit-share is 0.',
    labels: ['model_name', 'policy'],
  },
  attentionAuditBreaches: {
    name: 'longhaul_attention_audit_breaches_total',
    kind: 'counter',
    unit: '{token}',
    help: "Generated tokens of which a sample kept less than the policy's bound, or --audit-least-recall where it has none.",
    action: 'Many: choose a denser policy.',
    labels: ['model_name', 'policy'],
  },
  attentionAuditFallbacks: {
    name: 'longhaul_attention_audit_fallbacks_total',
    kind: 'counter',
    unit: '{fallback}',
    help: 'How often choices fell back because their policy had kept too little: to a denser one, from that to dense attention.',
    action: 'To dense: these requests lose the speed they asked for; choose a denser policy.',
    labels: ['model_name', 'policy', 'to'],
  },
} as const satisfies Record<string, MetricDefinition>;
