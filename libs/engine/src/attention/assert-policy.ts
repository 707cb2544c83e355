import { worseQuality, type GenerationRequest } from '@longhaul/inference';
import type { EngineContext } from '../context.js';
import { engineErrors } from '../errors.js';

/**
 * The model can be computed under the request's policy, as exactly as was asked for, with everything else that it wants.
 *
 * @throws AppError `INVALID_ARGUMENT` naming the field; `QUALITY_NOT_AVAILABLE` as reason where that is it.
 */
export function assertPolicy(request: GenerationRequest, { policies, roots, limits }: EngineContext): void {
  const { quality: asked, promptLogprobs } = request;
  const { name: policy, quality, alignment } = policies.of(request.attention);
  const given = roots.qualityOf(quality);
  if (asked !== null && worseQuality(asked, given) !== asked) throw engineErrors.quality({ asked, given });
  const { maxScoreRows } = limits;
  if (promptLogprobs !== null && maxScoreRows < alignment) {
    throw engineErrors.scoredRowsTooFew({ policy, alignment, maxScoreRows });
  }
}
