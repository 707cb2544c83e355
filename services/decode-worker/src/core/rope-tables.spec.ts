import { describe, expect, it } from '@jest/globals';
import { ropeTables, type RopeClass } from '@longhaul/model';
import { createRopeTables } from './rope-tables.js';

const plain: RopeClass = { theta: 10_000, dim: 4, scaling: { kind: 'default' } };
const longrope: RopeClass = {
  theta: 10_000,
  dim: 4,
  scaling: { kind: 'longrope', shortFactor: [1, 2], longFactor: [3, 4], originalContext: 100, attentionFactor: 1.2 },
};
const dynamic: RopeClass = { theta: 10_000, dim: 8, scaling: { kind: 'dynamic', factor: 2, originalContext: 100 } };

describe('the rotary tables of a text', () => {
  it('are the same for any length where the scaling does not depend on it', () => {
    const tables = createRopeTables([plain]);
    expect(tables.forLength(1)).toBe(tables.forLength(1_000_000));
    expect(tables.forLength(1).longestTokens).toBe(Infinity);
  });

  it('of longrope change once, where the text passes the original context', () => {
    const tables = createRopeTables([plain, longrope]);
    expect(tables.forLength(1)).toBe(tables.forLength(100));
    expect(tables.forLength(100)).toMatchObject({ longestTokens: 100 });
    expect(tables.forLength(101)).toMatchObject({ longestTokens: Infinity });
    expect(tables.forLength(101).key).not.toBe(tables.forLength(100).key);
    expect(tables.forLength(101).invFreq).not.toEqual(tables.forLength(100).invFreq);
  });

  it('of dynamic scaling follow the length, and are kept for an eighth of it', () => {
    const tables = createRopeTables([dynamic]);
    expect(tables.forLength(100)).toMatchObject({ longestTokens: 100 });
    const { invFreq, longestTokens } = tables.forLength(160);
    expect(longestTokens).toBe(180);
    expect(invFreq).toEqual(ropeTables(dynamic, 160).invFreq);
    expect(tables.forLength(181).key).not.toBe(tables.forLength(160).key);
  });

  it('are for no longer text than the shortest of several classes allows', () => {
    expect(createRopeTables([dynamic, longrope]).forLength(160).longestTokens).toBe(180);
  });
});
