import type { MetricDefinition } from './metric-definition.js';

/** Drafted tokens: what is verified, and what comes of it. */
export const SPECULATION_METRICS = {
  drafts: {
    name: 'longhaul_spec_decode_num_drafts_total',
    alias: 'vllm:spec_decode_num_drafts_total',
    kind: 'counter',
    unit: '{draft}',
    help: 'Verifications: drafted tokens of one choice in one step.',
    action: 'None although requests ask for speculation: the batch is full, or their texts do not repeat.',
    labels: ['model_name'],
  },
  draftTokens: {
    name: 'longhaul_spec_decode_num_draft_tokens_total',
    alias: 'vllm:spec_decode_num_draft_tokens_total',
    kind: 'counter',
    unit: '{token}',
    help: 'Drafted tokens that were verified.',
    action: 'Against the accepted ones: the share of the work that was of use.',
    labels: ['model_name'],
  },
  acceptedTokens: {
    name: 'longhaul_spec_decode_num_accepted_tokens_total',
    alias: 'vllm:spec_decode_num_accepted_tokens_total',
    kind: 'counter',
    unit: '{token}',
    help: 'Drafted tokens that became part of an answer.',
    action: 'Few of the drafted ones: leave speculation out for such requests.',
    labels: ['model_name'],
  },
  acceptedTokensByPosition: {
    name: 'longhaul_spec_decode_num_accepted_tokens_per_pos_total',
    alias: 'vllm:spec_decode_num_accepted_tokens_per_pos_total',
    kind: 'counter',
    unit: '{token}',
    help: 'Accepted drafted tokens by their position in the draft, from 0.',
    action: 'Positions that hardly count: lower max_draft_tokens.',
    labels: ['model_name', 'position'],
  },
  drafterBytes: {
    name: 'longhaul_drafter_bytes',
    kind: 'gauge',
    unit: 'By',
    help: 'Memory of the drafters of running choices; at most some 12 bytes a token of their texts and 1.5 MiB each.',
    action: 'Much: fewer places in the batch, or fewer requests with speculation.',
    labels: ['model_name'],
  },
  draftingFailures: {
    name: 'longhaul_drafting_failures_total',
    kind: 'counter',
    unit: '{choice}',
    help: 'Choices that went on without drafts because their drafter failed.',
    action: 'Any is a defect: look for drafting-failed in the log.',
    labels: ['model_name'],
  },
} as const satisfies Record<string, MetricDefinition>;
