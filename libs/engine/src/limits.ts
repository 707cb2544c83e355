import { invalidArgument } from '@longhaul/kernel';

/** Tokens per KV page; the native pool has the same number. */
export const PAGE_TOKENS = 16;

/** Every bound of the engine. All are positive integers unless said otherwise. */
export interface EngineLimits {
  /** KV pages of the runner's pool. */
  pages: number;
  /** Sequences in one step; each choice of a request is one. */
  maxSequences: number;
  /** Tokens of one step, decodes and prefill together. More than maxSequences, so that prefill always advances. */
  maxBatchedTokens: number;
  /** Prefill tokens of one step: the longest a running stream waits for somebody else's prompt. */
  maxPrefillTokens: number;
  /**
   * Decodes and drafted tokens that a step may have together, 0 or more: what the decodes leave may be drafted, so that a
   * full batch drafts nothing. Bounds the memory of their logits as well.
   */
  maxVerifiedTokens: number;
  /** Requests that may wait. */
  maxWaiting: number;
  /** Prompt tokens that may wait, over all waiting requests. */
  maxWaitingTokens: number;
  /**
   * Rows scored for prompt log-probabilities in one step; bounds the memory of their logits. Under policies that compute
   * prompts 128 tokens at a time it must be as many.
   */
  maxScoreRows: number;
  /** A consumer that leaves events unread for this long loses its request; null is never. */
  stallTimeoutMs: number | null;
  /** Quiet time after which an idle engine checks its own state; null is never. */
  idleCheckAfterMs: number | null;
  /** Longest time that such a check takes at once, milliseconds: what a request may have to wait for it. */
  idleCheckSliceMs: number;
  /** Keep pages of finished sequences for later requests with the same prefix. */
  prefixCaching: boolean;
  /**
   * Steps in a row without a usable token after which the engine computes one of its own. Only if that fails as well
   * does it stop taking requests: what requests ask for cannot make it fail.
   */
  maxConsecutiveFailures: number;
}

/** Values for a small CPU server; `pages` follows from memory and has no default. */
export const defaultLimits: Omit<EngineLimits, 'pages'> = {
  maxSequences: 32,
  maxBatchedTokens: 512,
  maxPrefillTokens: 480,
  maxVerifiedTokens: 32,
  maxWaiting: 256,
  maxWaitingTokens: 4_000_000,
  maxScoreRows: 128,
  stallTimeoutMs: 120_000,
  ...{ idleCheckAfterMs: 1000, idleCheckSliceMs: 1 },
  prefixCaching: true,
  maxConsecutiveFailures: 8,
};

const INTEGER_LIMITS = [
  'pages',
  'maxSequences',
  'maxBatchedTokens',
  'maxPrefillTokens',
  'maxWaiting',
  'maxWaitingTokens',
  'maxScoreRows',
  'maxConsecutiveFailures',
] as const;

/** Throws INVALID_ARGUMENT naming the first limit that makes no sense. */
export function checkLimits(limits: EngineLimits): void {
  for (const name of INTEGER_LIMITS) {
    const value = limits[name];
    if (!Number.isSafeInteger(value) || value < 1) {
      throw invalidArgument(`limits.${name}`, `limits.${name} must be a positive integer, not ${String(value)}.`);
    }
  }
  if (limits.maxBatchedTokens <= limits.maxSequences) {
    throw invalidArgument(
      'limits.maxBatchedTokens',
      `limits.maxBatchedTokens (${limits.maxBatchedTokens}) must exceed limits.maxSequences (${limits.maxSequences}).`,
    );
  }
  if (!Number.isSafeInteger(limits.maxVerifiedTokens) || limits.maxVerifiedTokens < 0) {
    const given = String(limits.maxVerifiedTokens);
    throw invalidArgument('limits.maxVerifiedTokens', `limits.maxVerifiedTokens must be 0 or more, not ${given}.`);
  }
  if (!(limits.idleCheckAfterMs === null || limits.idleCheckAfterMs > 0) || !(limits.idleCheckSliceMs > 0)) {
    throw invalidArgument('limits.idleCheckAfterMs', 'limits.idleCheckAfterMs and idleCheckSliceMs must be positive.');
  }
  if (limits.stallTimeoutMs !== null && !(limits.stallTimeoutMs > 0)) {
    throw invalidArgument('limits.stallTimeoutMs', 'limits.stallTimeoutMs must be positive or null.');
  }
}

/** Prompt tokens that one sequence can have in a step while all others decode. */
export function stepPromptTokens(
  limits: Pick<EngineLimits, 'maxPrefillTokens' | 'maxBatchedTokens' | 'maxSequences'>,
): number {
  return Math.min(limits.maxPrefillTokens, limits.maxBatchedTokens - limits.maxSequences + 1);
}

/** Pages that hold this many tokens. */
export function pagesFor(tokens: number): number {
  return Math.ceil(tokens / PAGE_TOKENS);
}
