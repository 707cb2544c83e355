import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Arrivals, type ArrivalPlace } from './arrivals.js';

const LIMITS = { maxRequests: 8, maxRequestsPerClient: 3, maxBytes: 100 };

/** Enters under a name, and notes who lost his place. */
function crowd(limits = LIMITS) {
  const arrivals = new Arrivals(limits);
  const displaced: string[] = [];
  const enter = (client: string, name: string): ArrivalPlace =>
    arrivals.enter(client, (error) => {
      expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'ARRIVAL_DISPLACED', retry: 'same' });
      displaced.push(name);
    });
  return { arrivals, displaced, enter };
}

describe('requests that are arriving', () => {
  it('hold what has come and nothing else, and give it back', () => {
    const { arrivals, enter } = crowd();
    const [a, b] = [enter('x', 'a'), enter('y', 'b')];
    a.grow(10);
    b.grow(5);
    expect(arrivals.snapshot()).toEqual({ requests: 2, bytes: 15, clients: 2 });
    for (const place of [a, b, a]) place.leave();
    a.grow(50);
    expect(arrivals.snapshot()).toEqual({ requests: 0, bytes: 0, clients: 0 });
  });

  it('of one client displace each other and nobody else: the one that waits longest for a byte', () => {
    const { displaced, enter } = crowd();
    enter('other', 'other');
    const [a, b, c] = ['a', 'b', 'c'].map((name) => enter('x', name));
    a?.grow(1);
    enter('x', 'd');
    expect(displaced).toEqual(['b']);
    c?.grow(1);
    enter('x', 'e');
    enter('x', 'f');
    expect(displaced).toEqual(['b', 'a', 'd']);
    b?.leave();
  });

  it('of all clients cost the one with most of them a place', () => {
    const { displaced, enter } = crowd();
    for (const client of ['x', 'y']) for (const name of ['1', '2', '3']) enter(client, client + name);
    for (const client of ['v', 'w']) enter(client, client);
    enter('new', 'new');
    expect(displaced).toEqual(['x1']);
  });

  it('cost the client that holds most its bytes, never one that holds little', () => {
    const { arrivals, displaced, enter } = crowd();
    const hoard = ['a', 'b', 'c'].map((name) => enter('hoarder', name));
    for (const place of hoard) place.grow(30);
    const small = enter('y', 'small');
    for (let piece = 0; piece < 20; piece++) small.grow(1);
    expect(displaced).toEqual(['a']);
    expect(arrivals.snapshot().bytes).toBe(80);
  });

  it('may be the one that is displaced by its own bytes', () => {
    const { arrivals, displaced, enter } = crowd();
    enter('x', 'idle');
    enter('x', 'large').grow(101);
    expect(displaced).toEqual(['large']);
    expect(arrivals.snapshot()).toEqual({ requests: 1, bytes: 0, clients: 1 });
  });

  it('never pass a limit, and what is held is what the places hold', () => {
    const act = fc.tuple(fc.nat(3), fc.nat(4), fc.nat(60));
    fc.assert(
      fc.property(fc.array(act, { maxLength: 120 }), (acts) => {
        const arrivals = new Arrivals(LIMITS);
        const open = new Map<number, { place: ArrivalPlace; client: string; bytes: number }>();
        acts.forEach(([kind, client, amount], id) => {
          const [key] = [...open.keys()].slice(amount % Math.max(1, open.size));
          const chosen = key === undefined ? undefined : open.get(key);
          if (kind < 2) {
            const place = arrivals.enter(`c${client}`, () => open.delete(id));
            open.set(id, { place, client: `c${client}`, bytes: 0 });
          } else if (kind === 2 && chosen) {
            chosen.bytes += amount;
            chosen.place.grow(amount);
          } else if (chosen && key !== undefined) {
            open.delete(key);
            chosen.place.leave();
          }
          const held = [...open.values()];
          const { requests, bytes } = arrivals.snapshot();
          expect([requests, bytes]).toEqual([held.length, held.reduce((sum, one) => sum + one.bytes, 0)]);
          expect(requests).toBeLessThanOrEqual(LIMITS.maxRequests);
          expect(bytes).toBeLessThanOrEqual(LIMITS.maxBytes);
          for (const one of held) {
            const own = held.filter((other) => other.client === one.client).length;
            expect(own).toBeLessThanOrEqual(LIMITS.maxRequestsPerClient);
          }
        });
      }),
    );
  });
});
