import { describe, expect, it } from '@jest/globals';
import { PagePool } from './page-pool.js';

describe('the page pool', () => {
  it('hands out every page once and then none', () => {
    const pool = new PagePool(3);
    expect([pool.take(), pool.take(), pool.take(), pool.take()]).toEqual([0, 1, 2, null]);
    expect(pool.counts()).toEqual({ total: 3, free: 0, idle: 0, active: 3 });
  });

  it('frees a page with its last user and refuses to free it again', () => {
    const freed: number[] = [];
    const pool = new PagePool(1, (page) => freed.push(page));
    pool.take();
    pool.retain(0);
    pool.release(0);
    expect(freed).toEqual([]);
    pool.release(0);
    expect(freed).toEqual([0]);
    expect(() => pool.release(0)).toThrow(expect.objectContaining({ reason: 'PAGE_RELEASED_TWICE' }));
    expect(() => pool.retain(0)).toThrow(expect.objectContaining({ reason: 'PAGE_NOT_HELD' }));
    expect(() => pool.release(7)).toThrow(expect.objectContaining({ reason: 'PAGE_RELEASED_TWICE' }));
  });

  it('hands out nothing that was given back during a step before the step ends; idle pages it does', () => {
    const pool = new PagePool(3);
    pool.connect({ onIdle: () => undefined, evictOne: () => pool.uncache(2) });
    for (let page = 0; page < 3; page++) pool.take();
    pool.cache(2);
    pool.beginStep();
    pool.release(1);
    pool.release(2);
    expect(pool.counts()).toEqual({ total: 3, free: 1, idle: 1, active: 1 });
    expect([pool.available, pool.take(), pool.take()]).toEqual([1, 2, null]);
    pool.endStep();
    expect([pool.available, pool.take()]).toEqual([1, 1]);
  });

  it('keeps a cached page idle until it is used again or uncached', () => {
    const pool = new PagePool(1);
    pool.take();
    pool.cache(0);
    pool.release(0);
    expect(pool.counts()).toMatchObject({ free: 0, idle: 1 });
    pool.retain(0);
    expect(pool.counts()).toMatchObject({ idle: 0, active: 1 });
    pool.uncache(0);
    pool.release(0);
    expect(pool.counts()).toMatchObject({ free: 1, idle: 0 });
    expect(() => pool.cache(0)).toThrow(expect.objectContaining({ reason: 'PAGE_NOT_CACHEABLE' }));
  });
});
