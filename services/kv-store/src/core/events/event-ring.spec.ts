import { describe, expect, it } from '@jest/globals';
import type { BlockEvent } from '@longhaul/kv-core';
import { EventRing } from './event-ring.js';

const key = (n: number) => new Uint8Array(32).fill(n);
const ids = [key(201), key(202)];

function event(n: number): BlockEvent {
  const sequence = BigInt(n);
  const namespaceId = ids[n % 2]!;
  if (n % 5 === 0) return { kind: 'cleared', sequence, namespaceId: n % 10 === 0 ? null : namespaceId };
  const about = { sequence, namespaceId, keys: [key(n % 200)], tier: (['ram', 'disk', 'object'] as const)[n % 3]! };
  if (n % 3 === 0) return { kind: 'removed', ...about };
  const place = { firstBlock: 2 ** 32 - n, blockTokens: 65_536, quality: 5 as const };
  return { kind: 'stored', ...about, parentKey: key((n + 1) % 200), ...place };
}

describe('the ring of events', () => {
  it.each([1, 4, 1024, 3000])('of %p gives the last ones back as they were', (capacity) => {
    const ring = new EventRing(capacity);
    for (let n = 1; n <= 5000; n++) ring.set(event(n));
    for (let n = 5001 - Math.min(capacity, 5000); n <= 5000; n++) expect(ring.get(BigInt(n))).toEqual(event(n));
  });

  it('refuses an event of two blocks', () => {
    const two = { ...event(1), keys: [key(1), key(2)] } as BlockEvent;
    expect(() => new EventRing(4).set(two)).toThrow(RangeError);
  });
});
