import type { PolicySpec } from '@longhaul/attention';
import type { QualityName, SamplingParams, Speculation, StopParams } from '@longhaul/inference';
import type { Tenant } from './tenants/tenant.js';
import type { ChatMessage, ChatOptions, TextOptions } from './ports.js';

export type PromptInput =
  | { kind: 'chat'; messages: readonly ChatMessage[]; options: ChatOptions }
  | { kind: 'text'; text: string; options: TextOptions }
  | { kind: 'tokens'; tokenIds: readonly number[] };

/** A request as an API adapter hands it over: parsed and typed, not yet checked against the model. */
export interface GenerateCommand {
  /** Caller's or made-up id, for logs and headers; need not be unique. */
  requestId: string;
  /** Undefined takes the served model. */
  model: string | undefined;
  input: PromptInput;
  n: number;
  /** Undefined takes what the context leaves. */
  maxTokens: number | undefined;
  /** The prompt is scored and nothing is generated, as far as the caller sees; `maxTokens` is 1 then. */
  scoreOnly: boolean;
  sampling: Partial<SamplingParams>;
  stop: Partial<StopParams>;
  logprobs: number | null;
  promptLogprobs: number | null;
  includeSpecialTokens: boolean;
  /** Null: nothing is drafted. */
  speculation: Speculation | null;
  /** Smaller goes first. */
  priority: number;
  /** Who asks, as the edge knows it. */
  tenant: Tenant;
  cacheSalt: string;
  /** Null takes the default of the tenant or the server. */
  attention: PolicySpec | null;
  /** Null takes what policy and KV type give. */
  quality: QualityName | null;
  /** A point of the monotonic clock, or null. */
  deadlineMs: number | null;
}
