import { describe, expect, it } from '@jest/globals';
import { engineViolations } from './invariants.js';
import type { EngineSnapshot, SequenceSnapshot } from './snapshot.js';
import { defaultLimits } from './limits.js';

const sequence = (overrides: Partial<SequenceSnapshot> = {}): SequenceSnapshot => ({
  ...{ requestId: 'r', choice: 0, state: 'running', tokens: 21, computed: 20, places: 1 },
  ...{ pages: [0, 1], reserved: [], attention: 0 },
  ...overrides,
});

const sound: EngineSnapshot = {
  limits: { ...defaultLimits, pages: 4 },
  pages: { references: [1, 1, 0, 0], cached: [1, 0, 1, 0], free: [3], idle: 1 },
  running: [sequence()],
  loading: [],
  waiting: [],
  transfers: [],
  attention: 0,
  cache: [
    { page: 0, parentPage: null, children: 1 },
    { page: 2, parentPage: 0, children: 0 },
  ],
};

describe('the invariants', () => {
  it('accept a sound state', () => {
    expect(engineViolations(sound)).toEqual([]);
  });

  it.each<[string, Partial<EngineSnapshot>]>([
    ['2 references, 1 holders', { pages: { ...sound.pages, references: [1, 2, 0, 0] } }],
    ['twice in the free list', { pages: { ...sound.pages, free: [3, 3] } }],
    ['in the wrong list', { pages: { ...sound.pages, free: [3, 1] } }],
    ['counted idle', { pages: { ...sound.pages, idle: 2 } }],
    ['nothing left to compute', { running: [sequence({ tokens: 20 })] }],
    ['pages for 33 computed tokens', { running: [sequence({ tokens: 40, computed: 33 })] }],
    ['has a page twice', { running: [sequence({ pages: [0, 0] })] }],
    ['waits but holds pages', { running: [], waiting: [sequence({ state: 'waiting' })] }],
    ['places in use', { limits: { ...sound.limits, maxSequences: 0 } }],
    ['miscounts its child blocks', { cache: [...sound.cache].map((node) => ({ ...node, children: 0 })) }],
    ['2 references, 1 holders', { pages: { ...sound.pages, references: [1, 2, 0, 0] }, transfers: [[0]] }],
    ['neither sealed nor set aside', { transfers: [[1]] }],
    ['0 references, 1 holders', { loading: [sequence({ state: 'loading', tokens: 40, computed: 16, pages: [2] })] }],
    ['1 attention states open, 0 held', { attention: 1 }],
    ['0 attention states open, 1 held', { running: [sequence({ attention: 1 })] }],
    ['waits but holds attention states', { waiting: [sequence({ state: 'waiting', pages: [], attention: 1 })] }],
    ['marked cached', { cache: sound.cache.slice(0, 1).map((node) => ({ ...node, children: 0 })) }],
    [
      'its parent block 2 is idle',
      {
        cache: [
          { page: 2, parentPage: null, children: 1 },
          { page: 0, parentPage: 2, children: 0 },
        ],
      },
    ],
  ])('name the fault: %s', (fault, change) => {
    expect(engineViolations({ ...sound, ...change }).join('; ')).toContain(fault);
  });
});
