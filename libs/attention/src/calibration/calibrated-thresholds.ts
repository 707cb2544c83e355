import { byLayer, type HeadsShape } from './heads-shape.js';

/** Masses that block selection is tried with, ascending up to everything. Hundredths: policies are compiled to these. */
export const TRIED_MASSES: readonly number[] = [
  ...[0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9],
  ...[0.92, 0.94, 0.96, 0.97, 0.98, 0.99, 1],
];

/** What block selection kept and read with each of the tried masses; sums over blocks of queries. */
export interface BlockCurves {
  /** [layers] blocks of queries, and the units that they saw. A layer without blocks has a window of its own. */
  readonly blocks: ArrayLike<number>;
  readonly unitsVisible: ArrayLike<number>;
  /** [layers, kvHeads, masses] share of the attention that was kept, and units that were read. */
  readonly massKept: ArrayLike<number>;
  readonly unitsRead: ArrayLike<number>;
}

export interface CalibratedThresholds {
  /** [layers][kvHeads] */
  readonly thresholds: number[][];
  /** Means over the heads that were measured: attention kept, and share of the units read. */
  readonly recall: number;
  readonly density: number;
}

/** No head may lose more than this many times what all lose on average. */
const GREATEST_LOSS = 2;
/** Steps of the loss that is shared out, for each head; and all steps of all heads, which bound time and memory. */
const STEPS_PER_HEAD = 50;
const MOST_STEPS = 4_000_000;

/** A mass for a head: its loss, in steps, and the share of the units that it reads. */
interface Choice {
  readonly mass: number;
  readonly steps: number;
  readonly loss: number;
  readonly density: number;
}

/**
 * The mass for each head with which all heads together read least, while they keep `recall` of the attention on average, by dynamic
 * programming over the heads (XAttention, arXiv:2503.16428, section 2.3, shares out accuracy; here it is the attention lost). Where
 * two choices read as much, the one that loses less is taken.
 *
 * @param recall above 0, below 1.
 * @throws RangeError where no head was measured.
 */
export function calibratedThresholds(curves: BlockCurves, shape: HeadsShape, recall: number): CalibratedThresholds {
  const { layers, kvHeads } = shape;
  const heads = Array.from({ length: layers * kvHeads }, (_, head) => head);
  const measured = heads.filter((head) => (curves.blocks[Math.floor(head / kvHeads)] ?? 0) > 0);
  if (measured.length === 0) throw new RangeError('No head was measured.');
  const steps = Math.max(1, Math.min(measured.length * STEPS_PER_HEAD, Math.floor(MOST_STEPS / measured.length)));
  const allowed = (1 - recall) * measured.length;
  const choices = measured.map((head) =>
    choicesOf(curves, { head, layer: Math.floor(head / kvHeads) }, { allowed, steps, recall }),
  );
  const chosen = cheapest(choices, steps);
  const thresholds = heads.map(() => 1);
  measured.forEach((head, i) => (thresholds[head] = (chosen[i] as Choice).mass));
  const mean = (of: (choice: Choice) => number): number =>
    chosen.reduce((sum, choice) => sum + of(choice), 0) / chosen.length;
  return {
    thresholds: byLayer(thresholds, shape),
    recall: 1 - mean(({ loss }) => loss),
    density: mean(({ density }) => density),
  };
}

/** What a head may have, the greatest mass first: it loses nothing. */
function choicesOf(
  { blocks, unitsVisible, massKept, unitsRead }: BlockCurves,
  { head, layer }: { head: number; layer: number },
  { allowed, steps, recall }: { allowed: number; steps: number; recall: number },
): Choice[] {
  const choices = TRIED_MASSES.map((mass, i): Choice => {
    const at = head * TRIED_MASSES.length + i;
    const loss = mass === 1 ? 0 : Math.max(0, 1 - (massKept[at] as number) / (blocks[layer] as number));
    const density = (unitsRead[at] as number) / (unitsVisible[layer] as number);
    // Rounded up: what is shared out is never overdrawn.
    return { mass, loss, density, steps: Math.ceil((loss / allowed) * steps - 1e-9) };
  });
  return choices.filter(({ loss }) => loss <= GREATEST_LOSS * (1 - recall)).reverse();
}

/** One choice for each head, at most `steps` together, with the least density. O(heads * choices * steps). */
function cheapest(heads: readonly (readonly Choice[])[], steps: number): Choice[] {
  let best = new Float64Array(steps + 1);
  const taken = heads.map((choices) => {
    const next = new Float64Array(steps + 1).fill(Infinity);
    const choice = new Uint8Array(steps + 1);
    for (const [i, { steps: cost, density }] of choices.entries()) {
      for (let left = cost; left <= steps; left++) {
        const sum = (best[left - cost] as number) + density;
        if (sum >= (next[left] as number)) continue;
        next[left] = sum;
        choice[left] = i;
      }
    }
    best = next;
    return choice;
  });
  let left = steps;
  const chosen: Choice[] = [];
  for (let head = heads.length - 1; head >= 0; head--) {
    const choice = heads[head]?.[taken[head]?.[left] ?? 0] as Choice;
    chosen.unshift(choice);
    left -= choice.steps;
  }
  return chosen;
}
