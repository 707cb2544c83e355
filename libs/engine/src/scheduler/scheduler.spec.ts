import { describe, expect, it } from '@jest/globals';
import { collect, harness, prompt, request } from '../testing/fixtures.js';
import { FairShare } from './fair-share.js';
import { shareOut, type PrefillDemand } from './prefill-shares.js';
import { RetryHint } from './retry-hint.js';

describe('prefill shares', () => {
  const anywhere = (remaining: number): PrefillDemand => ({ remaining, least: 1, fit: (tokens) => tokens });
  /** Cut at multiples of 128, but for the end. */
  const inBlocks = (remaining: number): PrefillDemand => ({
    ...{ remaining, least: Math.min(128, remaining) },
    fit: (tokens) => (tokens >= remaining ? remaining : tokens - (tokens % 128)),
  });

  it('give a single prompt the whole budget', () => {
    expect(shareOut([anywhere(1000)], 64)).toEqual([64]);
  });

  it('give the oldest half and the shortest of the others the rest', () => {
    expect(shareOut([1000, 500, 10].map(anywhere), 64)).toEqual([32, 22, 10]);
  });

  it('leave nothing unused while somebody needs it', () => {
    expect(shareOut([5, 500].map(anywhere), 64)).toEqual([5, 59]);
    expect(shareOut([1000, 5].map(anywhere), 64)).toEqual([59, 5]);
    expect(shareOut([1000, 1000].map(anywhere), 1)).toEqual([1, 0]);
    expect(shareOut([], 64)).toEqual([]);
  });

  it('give the oldest what is of use to it, however many short prompts there are', () => {
    expect(shareOut([inBlocks(1000), anywhere(90), anywhere(100)], 200)).toEqual([128, 72, 0]);
    expect(shareOut([inBlocks(1000), anywhere(90)], 128)).toEqual([128, 0]);
  });

  it('give what a prompt in blocks cannot use to others', () => {
    expect(shareOut([inBlocks(1000), anywhere(1000)], 480)).toEqual([128, 352]);
    expect(shareOut([anywhere(1000), inBlocks(1000)], 480)).toEqual([352, 128]);
    expect(shareOut([inBlocks(1000), inBlocks(500), inBlocks(60)], 480)).toEqual([256, 128, 60]);
  });
});

describe('fair shares', () => {
  it('do not let an absent client save up', () => {
    const shares = new FairShare();
    shares.arrive('busy', []);
    shares.chargePrompt('busy', 1000);
    shares.arrive('new', ['busy']);
    expect(shares.served('new')).toBe(1000);
  });
});

describe('the retry hint', () => {
  it('follows the pace of finished requests, within bounds', () => {
    const hint = new RetryHint();
    for (let i = 0; i < 50; i++) hint.finished(i * 10);
    expect(hint.afterMs(100)).toBeLessThan(600);
    expect(hint.afterMs(0)).toBe(100);
    expect(new RetryHint().afterMs(1e9)).toBe(60_000);
  });
});

describe('a step', () => {
  it('contains every running decode, whatever long prompts are being computed', async () => {
    const { engine, runner } = harness({ maxPrefillTokens: 32 });
    const decoding = [1, 2, 3].map((seed) =>
      collect(engine.submit(request({ promptTokenIds: prompt(4, seed), maxTokens: 60 }))),
    );
    runner.beforeStep = (_, index) => {
      if (index === 4) void collect(engine.submit(request({ promptTokenIds: prompt(1500, 9), maxTokens: 1 })));
    };
    await Promise.all(decoding);
    const during = runner.steps.slice(5, 50);
    expect(during.every(({ pastLens, cuSeqlens }) => pastLens.length === 4 && cuSeqlens[4] === 35)).toBe(true);
    await engine.drain();
  });

  it('keeps within the token budget', async () => {
    const { engine, runner } = harness({ maxSequences: 6, maxBatchedTokens: 20, maxPrefillTokens: 100 });
    await Promise.all(
      [1, 2, 3, 4, 5, 6].map((seed) => collect(engine.submit(request({ promptTokenIds: prompt(70, seed) })))),
    );
    expect(Math.max(...runner.steps.map(({ tokenIds }) => tokenIds.length))).toBe(20);
  });

  it('advances a short prompt beside a long one', async () => {
    const { engine } = harness({ maxPrefillTokens: 32 });
    const order: string[] = [];
    const note = (name: string, length: number): Promise<unknown> =>
      collect(engine.submit(request({ promptTokenIds: prompt(length, length), maxTokens: 2 }))).then(() =>
        order.push(name),
      );
    await Promise.all([note('long', 1000), note('short', 40)]);
    expect(order).toEqual(['short', 'long']);
  });
});

describe('the waiting queue', () => {
  /** Finishing order when one sequence runs at a time. */
  async function order(requests: readonly { name: string; salt?: string; priority?: number }[]): Promise<string[]> {
    const { engine } = harness({ maxSequences: 1 });
    const names: string[] = [];
    await Promise.all(
      requests.map(({ name, salt = 'x', priority = 0 }, i) =>
        collect(
          engine.submit(request({ cacheSalt: salt, priority, promptTokenIds: prompt(30, i), maxTokens: 3 })),
        ).then(() => names.push(name)),
      ),
    );
    return names;
  }

  it('goes by priority, the smallest first, then by arrival', async () => {
    const names = await order([
      { name: 'later', priority: 5 },
      { name: 'a' },
      { name: 'b' },
      { name: 'urgent', priority: -5 },
      { name: 'c' },
    ]);
    expect(names).toEqual(['urgent', 'a', 'b', 'c', 'later']);
  });

  it('does not let a client that floods it starve another', async () => {
    const flood = Array.from({ length: 10 }, (_, i) => ({ name: `flood${i}`, salt: 'f' }));
    const names = await order([...flood, { name: 'other', salt: 'o' }]);
    expect(names.indexOf('other')).toBeLessThanOrEqual(1);
  });
});
