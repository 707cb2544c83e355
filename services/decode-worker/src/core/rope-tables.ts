import type { RopeTable, RopeTables } from '@longhaul/engine';
import { ropeTables, type RopeClass } from '@longhaul/model';

/**
 * The engine's rotary tables of a model. Tables depend on a sequence's length only through the scaling kinds `dynamic`
 * and `longrope`; equal ones are made once.
 */
export function createRopeTables(ropeClasses: readonly RopeClass[]): RopeTables {
  const pairs = Math.max(0, ...ropeClasses.map((rope) => rope.dim / 2));
  const known = new Map<string, RopeTable>();
  return {
    classes: ropeClasses.length,
    pairs,
    forLength(totalTokens) {
      const key = ropeClasses.map((rope) => lengthKey(rope, totalTokens)).join(',');
      const found = known.get(key);
      if (found) return found;
      const table = buildTable({ key, ropeClasses, pairs, totalTokens });
      if (known.size >= MAX_TABLES) known.clear();
      known.set(key, table);
      return table;
    },
  };
}

const MAX_TABLES = 1024;

function lengthKey({ scaling }: RopeClass, totalTokens: number): string {
  if (scaling.kind === 'longrope') return totalTokens > scaling.originalContext ? 'long' : 'short';
  if (scaling.kind === 'dynamic') return totalTokens > scaling.originalContext ? String(totalTokens) : 'base';
  return 'fixed';
}

function buildTable(parts: {
  key: string;
  ropeClasses: readonly RopeClass[];
  pairs: number;
  totalTokens: number;
}): RopeTable {
  const { key, ropeClasses, pairs, totalTokens } = parts;
  const invFreq = new Float32Array(ropeClasses.length * pairs);
  const scale = new Float32Array(ropeClasses.length);
  ropeClasses.forEach((rope, index) => {
    const table = ropeTables(rope, totalTokens);
    invFreq.set(table.invFreq, index * pairs);
    scale[index] = table.scale;
  });
  return { key, invFreq, scale };
}
