import type { ModelShape } from '../model-shape.js';
import { phases, type GateChoice, type HeadPlan, type Phase } from '../policy.js';

/** One KV head of one layer in one phase. */
export interface HeadPlace {
  readonly phase: Phase;
  readonly layer: number;
  readonly head: number;
}

/** Two plans for one place, by index. */
export interface Overlap {
  readonly place: HeadPlace;
  readonly first: number;
  readonly second: number;
}

const NONE = -1;

/** Which plan is for which head. Layers with a window of their own are for none, and so are heads of a class without gates. */
export class HeadAssignment {
  /** The first two plans that are for one place; null: there are none. */
  readonly overlap: Overlap | null;
  readonly #shape: ModelShape;
  readonly #ranks: readonly number[] | null;
  /** [2, layers, kvHeads] index of a plan, or NONE. */
  readonly #table: Int16Array;

  /** @remarks O(plans * layers * kvHeads). */
  constructor(plans: readonly HeadPlan[], shape: ModelShape) {
    this.#shape = shape;
    this.#ranks = shape.artefacts.gates === undefined ? null : rankedGates(shape.artefacts.gates.gates);
    this.#table = new Int16Array(phases.length * shape.layers * shape.kvHeads).fill(NONE);
    this.overlap = this.#assign(plans);
  }

  /** Index of the plan of every place: prefill, then decode; layers, then heads. The order of a compiled policy's table. */
  *places(): Generator<HeadPlace & { readonly plan: number | null }> {
    for (const [i, plan] of this.#table.entries()) yield { ...this.#placeAt(i), plan: plan === NONE ? null : plan };
  }

  #assign(plans: readonly HeadPlan[]): Overlap | null {
    let overlap: Overlap | null = null;
    for (const [second, plan] of plans.entries()) {
      for (const at of this.#covered(plan)) {
        const first = this.#table[at] as number;
        if (first === NONE) this.#table[at] = second;
        else overlap ??= { place: this.#placeAt(at), first, second };
      }
    }
    return overlap;
  }

  /** Places that a plan names. */
  *#covered(plan: HeadPlan): Generator<number> {
    const { layers, kvHeads, windows } = this.#shape;
    const heads = plan.kv_heads === undefined ? null : new Set(plan.kv_heads);
    const phaseAt = phases.indexOf(plan.phase) * layers;
    for (let layer = 0; layer < layers; layer++) {
      if ((windows[layer] ?? 0) > 0 || !coversLayer(plan, layer)) continue;
      for (let head = 0; head < kvHeads; head++) {
        if (heads !== null && !heads.has(head)) continue;
        if (plan.gates === undefined || this.#inClass(plan.gates, layer * kvHeads + head)) {
          yield (phaseAt + layer) * kvHeads + head;
        }
      }
    }
  }

  #inClass({ heads, sparsity }: GateChoice, index: number): boolean {
    if (this.#ranks === null) return false;
    const streams = (this.#ranks[index] as number) < Math.round(sparsity * this.#ranks.length);
    return streams === (heads === 'streaming');
  }

  #placeAt(index: number): HeadPlace {
    const { layers, kvHeads } = this.#shape;
    const row = Math.floor(index / kvHeads);
    return { phase: row < layers ? 'prefill' : 'decode', layer: row % layers, head: index % kvHeads };
  }
}

/** Whether a plan's ranges have a layer; ends are not included. */
export function coversLayer({ layers }: Pick<HeadPlan, 'layers'>, layer: number): boolean {
  return layers === undefined || layers.some(({ from = 0, to = Infinity }) => layer >= from && layer < to);
}

/**
 * Rank of every head among all heads of the model, the lowest gate first; of equal gates the later head comes first, so
 * that the order does not depend on noise.
 */
function rankedGates(gates: readonly (readonly number[])[]): readonly number[] {
  const order = gates.flat().map((gate, index) => ({ gate, index }));
  order.sort((a, b) => a.gate - b.gate || b.index - a.index);
  const ranks: number[] = [];
  order.forEach(({ index }, rank) => (ranks[index] = rank));
  return ranks;
}
