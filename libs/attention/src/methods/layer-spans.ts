import { phases, type HeadPlan, type LayerRange } from '../policy.js';
import type { MethodCard } from './method-card.js';
import { streamingBranches } from './streaming.js';

export interface LayerSpanOptions {
  /** Layers whose attention is sparse; the others look at everything. */
  readonly sparseLayers: readonly LayerRange[];
  readonly sinkTokens: number;
  readonly windowTokens: number;
}

/**
 * Some layers look at everything, the others at sink and window, in both phases.
 *
 * @remarks For models that were trained so; others lose what the narrow layers would have passed on.
 */
export function layerSpans({ sparseLayers, sinkTokens, windowTokens }: LayerSpanOptions): HeadPlan[] {
  const branches = streamingBranches(sinkTokens, windowTokens);
  return phases.map((phase) => ({ phase, layers: sparseLayers, branches }));
}

/** Layers from the bottom look at everything, those above at a window (MASFormer, arXiv:2310.12442, section 3). */
export function masformer({ fullLayers = 2, windowTokens = 1024 } = {}): HeadPlan[] {
  return layerSpans({ sparseLayers: [{ from: fullLayers }], sinkTokens: 0, windowTokens });
}

/** The middle third of the layers looks at everything, those below and above at sink and window (LongGen, arXiv:2410.01485, section 3). */
export function longgen({ layers, sinkTokens = 64, windowTokens = 2048 }: LongGenOptions): HeadPlan[] {
  const third = Math.floor(layers / 3);
  const sparseLayers = [{ to: third }, { from: layers - third }].filter(() => third > 0);
  return sparseLayers.length === 0 ? [] : layerSpans({ sparseLayers, sinkTokens, windowTokens });
}

export interface LongGenOptions {
  /** Of the model. */
  readonly layers: number;
  readonly sinkTokens?: number;
  readonly windowTokens?: number;
}

export const masformerCard: MethodCard = {
  id: 'masformer',
  title: 'MASFormer: spans by layer',
  source: 'MASFormer, arXiv:2310.12442, section 3',
  what: 'A few layers look at everything, all others at a window.',
  fails: 'On models that were not trained with these spans: what the narrow layers would have passed on is missing.',
  differs: 'Windows are token-exact, not blocks. Which layers are full is what the policy says: the paper trains it.',
  policy: { name: 'masformer', plans: masformer() },
};

export const longgenCard: MethodCard = {
  id: 'longgen',
  title: 'LongGen: full layers in the middle',
  source: 'LongGen, arXiv:2410.01485, section 3',
  what: 'The middle third of the layers looks at everything, those below and above at sink and window. Here for 30 layers.',
  fails: 'On models that were not trained with these spans; long texts are read by a third of the layers only.',
  differs: 'Sink and window are token-exact.',
  policy: { name: 'longgen', plans: longgen({ layers: 30 }) },
};
