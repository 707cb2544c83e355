import { describe, expect, it } from '@jest/globals';
import { idleReclaimer } from './bound-connections.js';

describe('idle connections', () => {
  it('are looked for once a second at most, and give their places up at once', () => {
    let nowMs = 5;
    let looks = 0;
    const [idle, busy] = [{ destroyed: false }, { destroyed: false }];
    const open = new Set([idle, busy]);
    const closeIdleConnections = () => {
      looks += 1;
      idle.destroyed = true;
    };
    const reclaim = idleReclaimer({ closeIdleConnections }, open, () => nowMs);
    reclaim();
    expect([...open]).toEqual([busy]);
    nowMs += 999;
    reclaim();
    expect(looks).toBe(1);
    nowMs += 1;
    reclaim();
    expect(looks).toBe(2);
  });
});
