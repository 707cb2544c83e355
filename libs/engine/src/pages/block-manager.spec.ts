import { describe, expect, it } from '@jest/globals';
import { SimulatedRunner } from '../testing/simulated-runner.js';
import { BlockManager } from './block-manager.js';

describe('the block manager', () => {
  it('takes pages in ascending order, in whatever order they came back', () => {
    const blocks = new BlockManager(new SimulatedRunner(5), { pages: 5, prefixCaching: true });
    for (let page = 0; page < 5; page++) blocks.pool.take();
    for (const page of [2, 0, 4, 3]) blocks.pool.release(page);
    expect(blocks.holdFresh(3)?.pages).toEqual([0, 3, 4]);
  });
});
