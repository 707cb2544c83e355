import { describe, expect, it } from '@jest/globals';
import { withRetries } from './retry.js';
import { tierErrors, type Outage } from './tier-errors.js';

const policy = { attempts: 4, baseMs: 1, maxMs: 2, deadlineMs: 5_000, random: () => 0.5 };

/** Fails as told, then answers with the number of tries. */
function failing(...outages: Outage[]) {
  let tries = 0;
  return () => {
    const outage = outages[tries++];
    return outage ? Promise.reject(tierErrors.unavailable(outage, outage)) : Promise.resolve(tries);
  };
}

describe('retrying', () => {
  it('gets over outages that pass', async () => {
    expect(await withRetries(policy, failing('network', 'throttled', 'server'))).toBe(4);
  });

  it('ends with the last failure when tries run out', async () => {
    const work = failing('network', 'network', 'network', 'server', 'server');
    await expect(withRetries(policy, work)).rejects.toMatchObject({ details: { outage: 'server' } });
  });

  it.each(['credentials', 'bucket', 'closed'] as const)('does not repeat what needs a person: %s', async (outage) => {
    await expect(withRetries(policy, failing(outage))).rejects.toMatchObject({ details: { outage } });
  });

  it('does not repeat what is no outage', async () => {
    let tries = 0;
    const work = () => Promise.reject(tierErrors.notFound(`try ${++tries}`));
    await expect(withRetries(policy, work)).rejects.toMatchObject({ reason: 'KV_NOT_FOUND', message: 'try 1' });
  });

  it('leaves a try that neither ends nor obeys its signal, and takes another', async () => {
    let tries = 0;
    const work = () => (++tries === 1 ? new Promise<number>(() => undefined) : Promise.resolve(tries));
    expect(await withRetries({ ...policy, deadlineMs: 60 }, work)).toBe(2);
  });

  it('never lasts longer than its deadline', async () => {
    const work = () => new Promise<number>(() => undefined);
    await expect(withRetries({ ...policy, deadlineMs: 40 }, work)).rejects.toMatchObject({
      details: { outage: 'timeout' },
    });
  });

  it('tells each repetition', async () => {
    const told: unknown[] = [];
    await withRetries(
      { ...policy, onRetry: (error) => told.push(error.details['outage']) },
      failing('network', 'server'),
    );
    expect(told).toEqual(['network', 'server']);
  });
});
