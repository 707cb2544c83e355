import { denseCard } from './dense.js';
import { doubleSparsityCard } from './double-sparsity.js';
import { duoAttentionCard } from './duo-attention.js';
import { flexprefillCard } from './flexprefill.js';
import { longgenCard, masformerCard } from './layer-spans.js';
import { lserveCard } from './lserve.js';
import type { MethodCard } from './method-card.js';
import { minferenceCard } from './minference.js';
import { questCard } from './quest.js';
import { razorAttentionCard } from './razor-attention.js';
import { skipSoftmaxCard } from './skip-softmax.js';
import { streamingCard } from './streaming.js';
import { tokenSelectCard } from './tokenselect.js';
import { xattentionCard } from './xattention.js';

export { doubleSparsity, type DoubleSparsityOptions } from './double-sparsity.js';
export { duoAttention, type DuoAttentionOptions } from './duo-attention.js';
export { flexprefill, type FlexPrefillOptions } from './flexprefill.js';
export { layerSpans, longgen, masformer, type LayerSpanOptions, type LongGenOptions } from './layer-spans.js';
export { lserve, type LServeOptions } from './lserve.js';
export type { MethodCard } from './method-card.js';
export { minference, type MInferenceOptions } from './minference.js';
export { quest, type QuestOptions } from './quest.js';
export { razorAttention, type RazorAttentionOptions } from './razor-attention.js';
export { skipSoftmax } from './skip-softmax.js';
export { streaming, type StreamingOptions } from './streaming.js';
export { tokenSelect, type TokenSelectOptions } from './tokenselect.js';
export { xattention, type XAttentionOptions } from './xattention.js';

/** Every method: static masks, then what chooses in prefill, then what chooses in decode. */
export const methodCards: readonly MethodCard[] = [
  denseCard,
  streamingCard,
  masformerCard,
  longgenCard,
  duoAttentionCard,
  razorAttentionCard,
  xattentionCard,
  minferenceCard,
  flexprefillCard,
  skipSoftmaxCard,
  questCard,
  lserveCard,
  tokenSelectCard,
  doubleSparsityCard,
];
