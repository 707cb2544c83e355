import { describe, expect, it } from '@jest/globals';
import type { GenerationRequest } from '@longhaul/inference';
import { collect, harness, leaks, prompt, request, simulatedModel, type Harness } from './testing/fixtures.js';

const promptTokenIds = prompt(100, 6);

async function cachedOf({ engine }: Harness, who: Partial<GenerationRequest>): Promise<number | undefined> {
  const { done } = await collect(engine.submit(request({ promptTokenIds, maxTokens: 2, ...who })));
  return done?.usage.cachedTokens;
}

describe('KV in the pool', () => {
  it.each<[string, Partial<GenerationRequest>]>([
    ['tenants', { tenant: 'b' }],
    ['salts', { cacheSalt: 'x' }],
    ['tenants and salts that trade letters', { tenant: 'tenan', cacheSalt: 't' }],
  ])('is not shared between %s', async (_, other) => {
    const pool = harness();
    expect(await cachedOf(pool, {})).toBe(0);
    expect(await cachedOf(pool, other)).toBe(0);
    expect(await cachedOf(pool, other)).toBe(96);
    expect(await cachedOf(pool, {})).toBe(96);
    expect(leaks(pool.engine)).toEqual([]);
  });

  it('is shared by requests that ask for another class and would get the same KV', async () => {
    const pool = harness();
    await cachedOf(pool, { quality: null });
    expect(await cachedOf(pool, { quality: 'exact' })).toBe(96);
    expect(await cachedOf(pool, { quality: 'lossy' })).toBe(96);
  });
});

describe('a request', () => {
  const near = { model: { ...simulatedModel, kvQuality: 'near' as const } };

  it('for more exact KV than the KV type keeps is refused with what there is', async () => {
    const { engine } = harness({}, near);
    const refused = collect(engine.submit(request({ quality: 'exact' })));
    await expect(refused).rejects.toMatchObject({
      reason: 'QUALITY_NOT_AVAILABLE',
      field: 'quality',
      message: expect.stringContaining('near'),
      details: { asked: 'exact', given: 'near' },
    });
    expect(leaks(engine)).toEqual([]);
  });

  it.each([null, 'near', 'sparse'] as const)('for KV of class %s is answered from near KV', async (quality) => {
    const { engine } = harness({}, near);
    const { choices } = await collect(engine.submit(request({ quality })));
    expect(choices[0]?.tokens).toHaveLength(20);
  });
});
