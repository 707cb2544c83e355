import type { CompiledPolicy } from '../compiled-policy.js';
import type { ModelShape } from '../model-shape.js';
import type { HeadPlan } from '../policy.js';
import { selectionOf } from './head-plan.js';

/** Dimensions that the label scorer of the plans looks at, for every head of the model; null where no plan has one. */
export function labelsOf(plans: readonly HeadPlan[], shape: ModelShape): CompiledPolicy['labels'] {
  const r = Math.max(0, ...plans.map(labelDims));
  const artefact = shape.artefacts['label-channels'];
  if (r === 0 || artefact === undefined) return null;
  const channels = Int32Array.from(artefact.channels.flatMap((heads) => heads.flatMap((dims) => dims.slice(0, r))));
  return { channels, r };
}

/** Dimensions of the labels that a plan scores; 0 where it scores something else. */
export function labelDims(plan: HeadPlan): number {
  const { scorer } = selectionOf(plan);
  return scorer?.phi === 'channel-subset' ? scorer.channel.dims : 0;
}
