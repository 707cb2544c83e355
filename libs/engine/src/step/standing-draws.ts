import type { RunnerResult, SampleResult } from '../ports.js';
import type { ItemResults } from './build-step.js';

/** What a step says about one of its sequences. */
export type Draws = Pick<RunnerResult, 'scores' | 'samples'>;

/**
 * The draws of one sequence that count. Behind drafted tokens a draw counts if every drafted token before it is the one
 * that was drawn in its place: noise is keyed by seed, choice and position, so it is then the very draw that a step
 * without drafts would have made (sample and compare: exact for greedy and sampled requests alike). The first other one
 * ends the list; what was drawn behind it was drawn for another text, and means nothing, not even as a failure.
 */
export function standingDraws(results: ItemResults, answer: RunnerResult): Draws {
  const { firstScore, firstSample, item } = results;
  const scores = answer.scores.slice(firstScore, firstScore + results.scores);
  const samples = answer.samples.slice(firstSample, firstSample + results.samples);
  if (item.drafts.length === 0) return { scores, samples };
  const last = samples.findIndex((sample, i) => !agrees(sample, item.drafts[i]));
  return { scores, samples: samples.slice(0, last + 1) };
}

/** Never for the last draw, which has no drafted token beside it. */
function agrees({ status, token }: SampleResult, draft: number | undefined): boolean {
  return status === 'ok' && token === draft;
}
