import type { PolicySpec } from '@longhaul/attention';
import type { AttentionFacts } from './attention-facts.js';
import type { AttentionUsage } from './attention-usage.js';
import type { QualityName } from './kv-identity.js';
import type { Speculation } from './speculation.js';

/**
 * What to do with the logits of one step. Every field has a neutral value that switches it off; the neutral values
 * together with `temperature: 0` are greedy decoding.
 */
export interface SamplingParams {
  /** 0 is greedy; range [0, 2]. */
  temperature: number;
  /** Smallest set of tokens whose mass reaches this; (0, 1], 1 is off. */
  topP: number;
  /** Keep the k likeliest tokens; 0 is off. */
  topK: number;
  /** Keep tokens with probability of at least this share of the likeliest one's; [0, 1], 0 is off. */
  minP: number;
  /** z > 0 ? z / r : z * r over prompt and output tokens; [0.01, 100], 1 is off. */
  repetitionPenalty: number;
  /** Subtracted once from the logit of every token of the output; [-2, 2], 0 is off. */
  presencePenalty: number;
  /** Subtracted per occurrence in the output; [-2, 2], 0 is off. */
  frequencyPenalty: number;
  /** Added to the raw logit, [-100, 100] each; at most 1,024 entries. */
  logitBias: ReadonlyMap<number, number>;
  /** Key of the sampling noise, which does not depend on what else is in the batch. */
  seed: bigint;
}

/** When a choice ends, other than by the model's own end token. */
export interface StopParams {
  /**
   * Text that ends a choice; at most 16 strings of at most 256 characters. Not part of the answer by default. Special
   * tokens and the end token match by their text, whether the answer shows them or not.
   */
  strings: readonly string[];
  /** Token ids that end a choice, beside the model's own end tokens. */
  tokenIds: readonly number[];
  includeStopString: boolean;
  /** Go on past the model's end tokens, up to maxTokens. */
  ignoreEos: boolean;
  /** End tokens are masked until this many tokens have been generated. */
  minTokens: number;
}

/** One request as the engine takes it: tokenised and validated. */
export interface GenerationRequest {
  /** Unique among the requests in flight; chosen by the edge. */
  requestId: string;
  promptTokenIds: Int32Array;
  /** Whose KV it is: requests of different tenants share none. Set by the edge from the caller's key, never by a caller. */
  tenant: string;
  /** Divides a tenant's KV further, as the caller likes; empty for the tenant's common space. */
  cacheSalt: string;
  /** How attention is computed; KV of policies that fill it with other values is never shared. */
  attention: PolicySpec;
  /** The least exact KV that the answer may come from; null takes what policy and KV type give. */
  quality: QualityName | null;
  /** Number of choices; 1 to 16. They share the prompt's KV. */
  n: number;
  /** Most tokens to generate per choice; at least 1, and prompt + maxTokens fits the context. */
  maxTokens: number;
  sampling: SamplingParams;
  stop: StopParams;
  /** Report the log-probability of each generated token and of this many alternatives (0 to 20); null is off. */
  logprobs: number | null;
  /** The same for every prompt token but the first; null is off. A request with it computes its whole prompt. */
  promptLogprobs: number | null;
  /** Text contains the special tokens as well. */
  includeSpecialTokens: boolean;
  /** Null: nothing is drafted. */
  speculation: Speculation | null;
  /** Smaller goes first among the waiting; 0 is normal. */
  priority: number;
  /**
   * Point of this process's monotonic clock (`monotonicMs`) after which the request is ended with DEADLINE_EXCEEDED; null
   * is none. To another process it travels as what is left.
   */
  deadlineMs: number | null;
}

export type FinishReason = 'stop' | 'length' | 'cancelled';

export interface TokenLogprob {
  tokenId: number;
  /** Natural logarithm, from the raw logits. */
  logprob: number;
  /** The likeliest tokens in falling order; as many as were asked for. */
  top: readonly { tokenId: number; logprob: number }[];
}

export interface GenerationUsage {
  promptTokens: number;
  /** Prompt tokens whose KV came from the prefix cache. */
  cachedTokens: number;
  completionTokens: number;
  /** Tokens that were drafted and verified for the request, and those of them that became part of its answer. */
  draftedTokens: number;
  acceptedTokens: number;
  /** Null where the engine does not tell. */
  attention: AttentionUsage | null;
}

/**
 * What a request produces, in order: optionally one `prompt` event, then per choice any number of `delta` events and
 * one `finished`; when all choices have finished, one `done`. A failure is thrown by the iterator instead.
 */
export type GenerationEvent =
  | { kind: 'prompt'; cachedTokens: number; promptLogprobs: readonly (TokenLogprob | null)[] | null }
  | {
      kind: 'delta';
      choice: number;
      /** New text; may be empty while a character or a possible stop string is incomplete. */
      text: string;
      tokenIds: readonly number[];
      logprobs: readonly TokenLogprob[] | null;
    }
  | { kind: 'finished'; choice: number; reason: FinishReason; stopString: string | null }
  | { kind: 'done'; usage: GenerationUsage; timings: GenerationTimings };

/** Milliseconds, measured by the engine. */
export interface GenerationTimings {
  queueMs: number;
  prefillMs: number;
  decodeMs: number;
}

/** What an engine serves. Sent to the router so that it can template, tokenise and validate. */
export interface ModelInfo {
  /** Name in the API. */
  id: string;
  family: string;
  fingerprint: string;
  contextLength: number;
  vocabSize: number;
  eosTokenIds: readonly number[];
  weightScheme: string;
  kvDtype: string;
  /** Sampling defaults of the model: its generation_config.json, or what is known about a model of its name. */
  defaults: { temperature?: number; topP?: number; topK?: number; minP?: number; repetitionPenalty?: number };
  createdUnixS: number;
  /** Absent where the worker does not tell. */
  kernels?: KernelReport;
  /** Absent where the worker does not tell, which has dense attention only. */
  attention?: AttentionFacts;
}

/** Which kernels compute a model. Workers of one profile compute the same bits. */
export interface KernelReport {
  /** By operator and the type of its KV or weights, such as `attention/bf16`. */
  levels: Readonly<Record<string, string>>;
  /** Who decided: `stored`, `measured`, `pinned` or `environment`. */
  source: string;
  profileId: string | null;
}

/**
 * The router's view of a worker, in process or over gRPC. The adapter decides; behaviour is the same.
 *
 * `generate` rejects (AppError) before the first event when the request is not admitted. Ending the iteration early
 * or aborting the signal cancels the request and frees everything it holds.
 */
export interface InferenceBackend {
  model(signal?: AbortSignal): Promise<ModelInfo>;
  /** Bytes of `tokenizer.json`, `tokenizer_config.json` and the chat template, as in the model package. */
  tokenizerFiles(signal?: AbortSignal): Promise<TokenizerFiles>;
  generate(request: GenerationRequest, signal: AbortSignal): AsyncIterable<GenerationEvent>;
  load(): BackendLoad;
}

export interface TokenizerFiles {
  tokenizerJson: Uint8Array;
  tokenizerConfigJson: Uint8Array;
  chatTemplate: string | null;
}

/** Gauges that admission and readiness look at. */
export interface BackendLoad {
  ready: boolean;
  running: number;
  waiting: number;
  /** Share of the KV pool in use by live sequences, 0 to 1. */
  kvUsage: number;
}
