import type { CompiledPolicy } from '../compiled-policy.js';
import type { ModelShape } from '../model-shape.js';
import type { HeadPlan, Scorer } from '../policy.js';

/** Dimensions that the label scorer of the plans looks at, for every head of the model, ascending; null where no plan has one. */
export function labelsOf(plans: readonly HeadPlan[], shape: ModelShape): CompiledPolicy['labels'] {
  const r = Math.max(0, ...plans.map(labelDims));
  const artefact = shape.artefacts['label-channels'];
  if (r === 0 || artefact === undefined) return null;
  const best = (dims: readonly number[]) => dims.slice(0, r).sort((a, b) => a - b);
  const channels = Int32Array.from(artefact.channels.flatMap((heads) => heads.flatMap(best)));
  return { channels, r };
}

/** Dimensions of the labels that a plan scores; 0 where it scores something else. */
export function labelDims({ branches }: HeadPlan): number {
  const dims = branches.map((branch) => ('scorer' in branch ? dimsOf(branch.scorer) : 0));
  return Math.max(0, ...dims);
}

function dimsOf(scorer: Scorer | undefined): number {
  return scorer?.phi === 'channel-subset' ? scorer.channel.dims : 0;
}
