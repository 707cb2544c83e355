import { DENSE } from '@longhaul/attention';
import type { Engine } from '@longhaul/engine';

/** Request id of the warm-up. */
export const WARM_UP_ID = 'warm-up';
const WARM_TOKENS = 32;

/**
 * One request through the whole engine, before anybody is told that the model is ready: it touches all weights, and a
 * model that cannot compute fails here instead of at a user's request.
 */
export async function warmUp(engine: Engine, contextLength: number): Promise<void> {
  const promptLength = Math.max(1, Math.min(WARM_TOKENS, contextLength - 2));
  const events = engine.submit({
    requestId: WARM_UP_ID,
    promptTokenIds: new Int32Array(promptLength),
    tenant: WARM_UP_ID,
    cacheSalt: '',
    attention: DENSE,
    quality: null,
    n: 1,
    maxTokens: Math.min(2, contextLength - promptLength),
    sampling: {
      temperature: 0,
      topP: 1,
      topK: 0,
      minP: 0,
      repetitionPenalty: 1,
      presencePenalty: 0,
      frequencyPenalty: 0,
      logitBias: new Map(),
      seed: 0n,
    },
    stop: { strings: [], tokenIds: [], includeStopString: false, ignoreEos: true, minTokens: 0 },
    logprobs: null,
    promptLogprobs: null,
    includeSpecialTokens: false,
    speculation: null,
    priority: 0,
    deadlineMs: null,
  });
  for await (const event of events) if (event.kind === 'done') return;
}
