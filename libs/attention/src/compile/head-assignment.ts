import type { ModelShape } from '../model-shape.js';
import { phases, type GateChoice, type HeadPlan, type Phase } from '../policy.js';

/** One KV head of one layer in one phase. */
export interface HeadPlace {
  readonly phase: Phase;
  readonly layer: number;
  readonly head: number;
}

/** Every place once: prefill, then decode; layers, then heads. The order of a compiled policy's table. */
export function* headPlaces({ layers, kvHeads }: Pick<ModelShape, 'layers' | 'kvHeads'>): Generator<HeadPlace> {
  for (const phase of phases) {
    for (let layer = 0; layer < layers; layer++)
      for (let head = 0; head < kvHeads; head++) yield { phase, layer, head };
  }
}

/** Which plan is for which head. Layers with a window of their own are for none. */
export class HeadAssignment {
  readonly #shape: ModelShape;
  readonly #streaming = new Map<number, ReadonlySet<number>>();

  constructor(shape: ModelShape) {
    this.#shape = shape;
  }

  /** Whether a plan names a place. A class of heads whose artefact is missing has none. */
  covers(plan: HeadPlan, { phase, layer, head }: HeadPlace): boolean {
    if (plan.phase !== phase || (this.#shape.windows[layer] ?? 0) > 0) return false;
    if (!coversLayer(plan, layer)) return false;
    if (plan.kv_heads !== undefined && !plan.kv_heads.includes(head)) return false;
    return plan.gates === undefined || this.#inClass(plan.gates, layer, head);
  }

  #inClass({ heads, sparsity }: GateChoice, layer: number, head: number): boolean {
    const artefact = this.#shape.artefacts.gates;
    if (artefact === undefined) return false;
    let streaming = this.#streaming.get(sparsity);
    if (streaming === undefined) {
      streaming = streamingHeads(artefact.gates, sparsity);
      this.#streaming.set(sparsity, streaming);
    }
    return streaming.has(layer * this.#shape.kvHeads + head) === (heads === 'streaming');
  }
}

/** Whether a plan's ranges have a layer; ends are not included. */
export function coversLayer({ layers }: Pick<HeadPlan, 'layers'>, layer: number): boolean {
  return layers === undefined || layers.some(({ from = 0, to = Infinity }) => layer >= from && layer < to);
}

/**
 * The share of heads with the lowest gates, over all layers; of equal gates the later heads stream, so that the choice
 * does not depend on noise.
 */
function streamingHeads(gates: readonly (readonly number[])[], sparsity: number): ReadonlySet<number> {
  const ranked = gates.flat().map((gate, index) => ({ gate, index }));
  ranked.sort((a, b) => a.gate - b.gate || b.index - a.index);
  return new Set(ranked.slice(0, Math.round(sparsity * ranked.length)).map(({ index }) => index));
}
