import { describe, expect, it } from '@jest/globals';
import { AppError } from '@longhaul/kernel';
import type { GenerationEvent } from '@longhaul/inference';
import { EventBuffer } from './event-buffer.js';

const delta = (choice: number, token: number): GenerationEvent => ({
  ...{ kind: 'delta', choice, text: String(token), tokenIds: [token] },
  logprobs: [{ tokenId: token, logprob: 0, top: [] }],
});
const failure = new AppError({ code: 'INTERNAL', reason: 'X', message: 'x' });

describe('the event buffer', () => {
  it('merges unread deltas of a choice and keeps their order', async () => {
    const buffer = new EventBuffer(() => undefined);
    for (let token = 0; token < 1000; token++) buffer.push(delta(token % 2, token), 0);
    const first = await buffer.next();
    const second = await buffer.next();
    expect(first.value).toMatchObject({ choice: 0, tokenIds: { length: 500 }, logprobs: { length: 500 } });
    expect(second.value).toMatchObject({ choice: 1, tokenIds: { length: 500 } });
    expect(first.value.tokenIds.slice(0, 3)).toEqual([0, 2, 4]);
  });

  it('wakes a waiting reader', async () => {
    const buffer = new EventBuffer(() => undefined);
    const next = buffer.next();
    buffer.push(delta(0, 5), 0);
    expect((await next).value).toMatchObject({ tokenIds: [5] });
    expect(buffer.unreadSinceMs).toBeNull();
  });

  it('throws a failure once, in place of what is unread', async () => {
    const buffer = new EventBuffer(() => undefined);
    buffer.push(delta(0, 1), 0);
    buffer.fail(failure);
    buffer.push(delta(0, 2), 0);
    await expect(buffer.next()).rejects.toBe(failure);
    expect(await buffer.next()).toEqual({ done: true, value: undefined });
  });

  it('says since when nobody reads', async () => {
    const buffer = new EventBuffer(() => undefined);
    buffer.push(delta(0, 1), 40);
    buffer.push(delta(0, 2), 50);
    expect(buffer.unreadSinceMs).toBe(40);
    await buffer.next();
    expect(buffer.unreadSinceMs).toBeNull();
  });

  it('tells when the reader leaves', async () => {
    let left = 0;
    const buffer = new EventBuffer(() => left++);
    await buffer.return();
    expect(left).toBe(1);
    expect((await buffer.next()).done).toBe(true);
  });
});
