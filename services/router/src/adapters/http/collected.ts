import type {
  AttentionUsage,
  AuditUsage,
  FinishReason,
  GenerationEvent,
  GenerationUsage,
  TokenLogprob,
} from '@longhaul/inference';
import { addAttentionUsage } from '../../core/attention/add-attention-usage.js';

export interface CollectedChoice {
  text: string;
  logprobs: TokenLogprob[];
  finishReason: FinishReason | null;
  stopString: string | null;
}

/** Everything one generation produced. */
export interface Collected {
  choices: CollectedChoice[];
  promptLogprobs: readonly (TokenLogprob | null)[] | null;
  usage: GenerationUsage;
}

const NO_USAGE: GenerationUsage = {
  ...{ promptTokens: 0, cachedTokens: 0, completionTokens: 0, draftedTokens: 0, acceptedTokens: 0, attention: null },
};

export function emptyCollected(choices: number): Collected {
  const choice = (): CollectedChoice => ({ text: '', logprobs: [], finishReason: null, stopString: null });
  return {
    choices: Array.from({ length: choices }, choice),
    promptLogprobs: null,
    usage: NO_USAGE,
  };
}

/** Adds one event in place. */
export function collect(into: Collected, event: GenerationEvent): void {
  if (event.kind === 'prompt') into.promptLogprobs = event.promptLogprobs;
  else if (event.kind === 'done') into.usage = event.usage;
  else {
    const choice = into.choices[event.choice];
    if (!choice) return;
    if (event.kind === 'delta') {
      choice.text += event.text;
      choice.logprobs.push(...(event.logprobs ?? []));
    } else {
      choice.finishReason = event.reason;
      choice.stopString = event.stopString;
    }
  }
}

/** The sum over the prompts of a request. */
export function addUsage(parts: readonly GenerationUsage[]): GenerationUsage {
  const sum = (count: (part: GenerationUsage) => number) => parts.reduce((total, part) => total + count(part), 0);
  return {
    promptTokens: sum((part) => part.promptTokens),
    cachedTokens: sum((part) => part.cachedTokens),
    completionTokens: sum((part) => part.completionTokens),
    draftedTokens: sum((part) => part.draftedTokens),
    acceptedTokens: sum((part) => part.acceptedTokens),
    attention: addAttentionUsage(parts),
  };
}

/**
 * `usage` as OpenAI spells it. Drafted tokens are its predicted ones; they are reported where there were any, and those that
 * were refused are no completion tokens. `longhaul` says how attention was computed; what the engine does not tell is null.
 */
export function usageBody(usage: GenerationUsage) {
  const { draftedTokens, acceptedTokens } = usage;
  const details = {
    accepted_prediction_tokens: acceptedTokens,
    rejected_prediction_tokens: draftedTokens - acceptedTokens,
  };
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
    ...(draftedTokens > 0 ? { completion_tokens_details: details } : {}),
    longhaul: usage.attention === null ? null : attentionBody(usage.attention),
  };
}

function attentionBody({ policy, quality, density, kvReadBytes, audit, fallbacks }: AttentionUsage) {
  return { policy, density, kv_bytes_read: kvReadBytes, quality, audit: audit && auditBody(audit), fallbacks };
}

function auditBody({ samples, recall, klSamples, kl, breaches }: AuditUsage) {
  return { samples, recall, breaches, kl_samples: klSamples, kl };
}
