import type { GenerationUsage } from '@longhaul/inference';
import type { ChainRoots } from '../keys/chain-roots.js';
import type { RequestState } from './sequence.js';

/** What a request has used, over all of its choices. */
export function usageOf(state: RequestState, roots: ChainRoots): GenerationUsage {
  const { request, cachedTokens, completionTokens, draftedTokens, acceptedTokens, compiled, sequences } = state;
  const { name: policy, quality } = compiled;
  const fallbacks = sequences.reduce((sum, { attention }) => sum + attention.fallbacks, 0);
  return {
    promptTokens: request.promptTokenIds.length,
    ...{ cachedTokens, completionTokens, draftedTokens, acceptedTokens },
    attention: state.attention.usage({ policy, quality: roots.qualityOf(quality), fallbacks }),
  };
}
