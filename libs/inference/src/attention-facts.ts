import type { ModelShape } from '@longhaul/attention';

/** What policies are checked against before a request is taken. */
export interface AttentionFacts {
  /** What policies are made for. */
  shape: ModelShape;
  /** Prompt tokens that one request can have in a step while all others decode: policies that choose blocks need 128. */
  stepPromptTokens: number;
}
