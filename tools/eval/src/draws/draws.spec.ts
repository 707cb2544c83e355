import { describe, expect, it } from '@jest/globals';
import { Draws } from './draws.js';

describe('Draws', () => {
  it('gives the same stream for the same parts and another for any other', () => {
    const stream = (...parts: (string | number)[]) => {
      const draws = new Draws(...parts);
      return Array.from({ length: 8 }, () => draws.below(1000));
    };
    expect(stream(1, 'task', 4096)).toEqual(stream(1, 'task', 4096));
    for (const other of [stream(2, 'task', 4096), stream(1, 'tasks', 4096), stream(1, 'task', 4097)])
      expect(other).not.toEqual(stream(1, 'task', 4096));
  });

  it('draws different positions in order, all of them where as many are asked for', () => {
    const draws = new Draws('positions');
    for (let round = 0; round < 200; round++) {
      const drawn = draws.positions(5, 9);
      expect(new Set(drawn).size).toBe(5);
      expect(drawn).toEqual([...drawn].sort((a, b) => a - b));
      expect(Math.max(...drawn)).toBeLessThan(9);
    }
    expect(draws.positions(4, 4)).toEqual([0, 1, 2, 3]);
    expect(() => draws.positions(5, 4)).toThrow('not 5 different integers below 4');
  });

  it('reaches every position alike', () => {
    const draws = new Draws('even');
    const hits = Array.from({ length: 10 }, () => 0);
    for (let round = 0; round < 5000; round++) for (const at of draws.positions(2, 10)) hits[at] = (hits[at] ?? 0) + 1;
    for (const count of hits) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it('shuffles without losing anything', () => {
    const items = Array.from({ length: 50 }, (_, i) => i);
    const shuffled = new Draws('shuffle').shuffled(items);
    expect(shuffled).not.toEqual(items);
    expect([...shuffled].sort((a, b) => a - b)).toEqual(items);
  });

  it('writes numbers of so many digits and UUIDs of version 4', () => {
    const draws = new Draws('forms');
    for (let round = 0; round < 100; round++) {
      expect(draws.number(7)).toMatch(/^[1-9]\d{6}$/);
      expect(draws.uuid()).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    }
  });

  it('says so where there are not as many different draws', () => {
    expect(() => new Draws('few').distinct(2, () => 'one')).toThrow('not 2 different draws');
  });
});
