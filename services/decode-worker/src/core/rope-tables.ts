import type { RopeTable, RopeTables } from '@longhaul/engine';
import { ropeTables, type RopeClass } from '@longhaul/model';

/**
 * The engine's rotary tables of a model. They depend on the length of a text only through the scaling kinds `dynamic` and
 * `longrope`, as in transformers; equal ones are made once.
 *
 * The scaling of `dynamic` follows every token. Where transformers rotates each new key by another table and leaves the
 * older ones, a text keeps its tables here while it grows by an eighth, and is then computed again.
 */
export function createRopeTables(ropeClasses: readonly RopeClass[]): RopeTables {
  const pairs = Math.max(0, ...ropeClasses.map((rope) => rope.dim / 2));
  const known = new Map<string, RopeTable>();
  return {
    classes: ropeClasses.length,
    pairs,
    forLength(tokens) {
      const key = ropeClasses.map((rope) => lengthKey(rope, tokens)).join(',');
      const found = known.get(key);
      if (found) return found;
      const table = buildTable({ key, ropeClasses, pairs, tokens });
      if (known.size >= MAX_TABLES) known.clear();
      known.set(key, table);
      return table;
    },
  };
}

const MAX_TABLES = 1024;

function longestTokens({ scaling }: RopeClass, tokens: number): number {
  if (scaling.kind !== 'longrope' && scaling.kind !== 'dynamic') return Infinity;
  if (tokens <= scaling.originalContext) return scaling.originalContext;
  return scaling.kind === 'longrope' ? Infinity : tokens + Math.ceil(tokens / 8);
}

function lengthKey({ scaling }: RopeClass, tokens: number): string {
  if (scaling.kind === 'longrope') return tokens > scaling.originalContext ? 'long' : 'short';
  if (scaling.kind === 'dynamic') return tokens > scaling.originalContext ? String(tokens) : 'base';
  return 'fixed';
}

function buildTable(parts: {
  key: string;
  ropeClasses: readonly RopeClass[];
  pairs: number;
  tokens: number;
}): RopeTable {
  const { key, ropeClasses, pairs, tokens } = parts;
  const invFreq = new Float32Array(ropeClasses.length * pairs);
  const scale = new Float32Array(ropeClasses.length);
  ropeClasses.forEach((rope, index) => {
    const table = ropeTables(rope, tokens);
    invFreq.set(table.invFreq, index * pairs);
    scale[index] = table.scale;
  });
  const longest = Math.min(...ropeClasses.map((rope) => longestTokens(rope, tokens)));
  return { key, longestTokens: longest, invFreq, scale };
}
