import { describe, expect, it } from '@jest/globals';
import type { GenerationRequest } from '@longhaul/inference';
import { readHead } from '@longhaul/kv-core';
import type { LoadOutcome } from './store/prefix-load.js';
import { collect, expectedTokens, leaks, prompt, request, type Harness } from './testing/fixtures.js';
import { Held, until } from './testing/held.js';
import { MemoryStore, unreachable } from './testing/memory-store.js';
import { LAYERS } from './testing/simulated-runner.js';
import { storeHarness, type StoreHarnessOptions } from './testing/store-fixtures.js';

const long = (): GenerationRequest => request({ promptTokenIds: prompt(200, 1), maxTokens: 8 });
const short = (): GenerationRequest => request({ promptTokenIds: prompt(20, 5), maxTokens: 40 });

async function ask({ engine }: Harness, asked: GenerationRequest, signal?: AbortSignal): Promise<number> {
  const { choices, done } = await collect(engine.submit(asked, signal));
  expect(choices[0]?.tokens).toEqual(expectedTokens(asked));
  return done?.usage.cachedTokens ?? -1;
}

/** A store that has the prompt of `long`. */
async function filled(): Promise<MemoryStore> {
  const store = new MemoryStore();
  const first = storeHarness(store);
  await ask(first, long());
  await first.engine.close();
  return store;
}

/** An engine whose loads stop before layer 1 until the test says so; time passes only in long steps. */
async function stopped(parts: StoreHarnessOptions = {}, store?: MemoryStore) {
  const time = { ms: 0 };
  const clock = { wallMs: () => Date.now(), monotonicMs: () => time.ms };
  const outcomes: (LoadOutcome & { tokens: number })[] = [];
  const observer = { prefixLoaded: (load: LoadOutcome & { tokens: number }) => void outcomes.push(load) };
  const harness = storeHarness(store ?? (await filled()), { ...parts, options: { clock, observer } });
  const layers = new Held();
  harness.runner.beforeTransfer = (direction, layer) =>
    direction === 'import' && layer !== 0 ? layers.opened : undefined;
  harness.runner.beforeStep = ({ tokenIds }) => void (time.ms += tokenIds.length > 32 ? 50 : 0);
  const [{ gates }, { engine }] = [harness.runner, harness];
  return { harness, engine, gates, layers, outcomes, waiting: () => gates.some(({ waiting }) => waiting) };
}

describe('a prefix of which the first layer has arrived', () => {
  it('is computed upon while the others arrive', async () => {
    const { harness, engine, gates, layers, outcomes, waiting } = await stopped();
    const asked = ask(harness, long());
    await until(waiting);
    expect(engine.snapshot().loading.map(({ reserved }) => reserved.length)).toEqual([1]);
    expect(harness.runner.steps[0]).toMatchObject({ pastLens: Int32Array.of(192), cuSeqlens: Int32Array.of(0, 8) });
    layers.open();
    expect(await asked).toBe(192);
    expect(gates.map(({ complete }) => complete)).toEqual([true]);
    await engine.close();
    expect(outcomes).toMatchObject([{ tokens: 192, loadedBlocks: 3, error: null }]);
    expect(leaks(engine)).toEqual([]);
  });

  it('serves all choices of a request', async () => {
    const { harness, engine, layers, waiting } = await stopped();
    const asked = request({ promptTokenIds: prompt(200, 1), maxTokens: 8, n: 3 });
    const collected = collect(engine.submit(asked));
    await until(waiting);
    layers.open();
    const { choices } = await collected;
    choices.forEach(({ tokens }, choice) => expect(tokens).toEqual(expectedTokens(asked, choice)));
    expect(harness.runner.gates).toHaveLength(1);
    expect(leaks(engine)).toEqual([]);
  });

  it('waits to be whole where that is wanted', async () => {
    const { harness, gates, layers } = await stopped({ store: { overlapPatienceMs: 0 } });
    layers.open();
    expect(await ask(harness, long())).toBe(192);
    expect(gates).toEqual([]);
  });

  it('holds up running requests only when steps are known to take longer than the rest of the load', async () => {
    const known = await stopped();
    await ask(known.harness, request({ promptTokenIds: prompt(40, 9), maxTokens: 1 }));
    const unknown = await stopped();
    for (const { harness, engine, gates, layers } of [known, unknown]) {
      const others = [ask(harness, short()), ask(harness, long())];
      if (engine === known.engine) await until(() => gates.length > 0);
      else await others[0];
      layers.open();
      await Promise.all(others);
      expect(leaks(engine)).toEqual([]);
    }
    expect(known.harness.runner.steps.some(({ gates, pastLens }) => gates.length === 1 && pastLens.length === 2)).toBe(
      true,
    );
    expect(unknown.harness.runner.steps.some(({ gates, pastLens }) => gates.length > 0 && pastLens.length > 1)).toBe(
      false,
    );
  });
});

describe('a load that fails while a step computes upon it', () => {
  it.each([
    ['damage in a late layer', 64],
    ['a store that goes away', 0],
  ])('by %s costs what was not sound, and no neighbour', async (_, kept) => {
    const store = await filled();
    const [name, object] = [...store.objects][1]!;
    const damaged = Uint8Array.from(object);
    damaged[(readHead(object, {}).sections.at(-1)?.offset ?? 0) + 5]! ^= 1;
    if (kept > 0) store.objects.set(name, damaged);
    const { harness, engine, gates, layers, outcomes } = await stopped({}, store);
    await ask(harness, request({ promptTokenIds: prompt(40, 9), maxTokens: 1 }));
    let frames = 0;
    // Everything of layer 0, and no more.
    if (kept === 0) store.before = (what) => (what === 'frame' && ++frames > 12 ? layers.opened : undefined);
    const neighbour = ask(harness, short());
    const asked = ask(harness, long());
    await until(() => gates.length > 0);
    if (kept === 0) store.before = () => Promise.reject(unreachable());
    layers.open();
    expect(await asked).toBe(kept);
    await neighbour;
    expect(gates.map(({ cancelled, complete }) => [cancelled, complete])).toEqual([[true, false]]);
    await engine.close();
    expect(outcomes.at(-1)).toMatchObject({ tokens: kept, overlapMs: 0 });
    expect(leaks(engine)).toEqual([]);
  });

  it('by nothing but slowness goes on without the step', async () => {
    const { harness, engine, gates, layers, waiting } = await stopped();
    const asked = ask(harness, long());
    await until(waiting);
    // What a runner does when its patience ends.
    gates[0]?.cancel();
    await until(() => engine.snapshot().loading.every(({ reserved }) => reserved.length === 0));
    layers.open();
    expect(await asked).toBe(192);
    expect(gates).toHaveLength(1);
    expect(leaks(engine)).toEqual([]);
  });
});

describe('a step over an arriving prefix', () => {
  it('that fails is not tried again before the prefix is whole', async () => {
    const { harness, engine, gates, layers, waiting } = await stopped();
    const passed = harness.runner.beforeStep;
    harness.runner.beforeStep = async (step, index) => {
      await passed(step, index);
      if (index > 0) return;
      await layers.opened;
      throw new Error('the runner failed');
    };
    const asked = ask(harness, long());
    await until(() => gates.length === 1);
    expect(waiting()).toBe(false);
    layers.open();
    expect(await asked).toBe(192);
    expect(gates).toHaveLength(1);
    expect(leaks(engine)).toEqual([]);
  });

  it('whose request is cancelled ends without it, and every page comes back', async () => {
    const { harness, engine, gates, layers, waiting } = await stopped();
    const controller = new AbortController();
    const asked = collect(engine.submit(long(), controller.signal));
    await until(waiting);
    controller.abort();
    await expect(asked).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect(gates[0]?.cancelled).toBe(true);
    layers.open();
    expect(await ask(harness, short())).toBe(0);
    await engine.close();
    expect(leaks(engine)).toEqual([]);
  });
});

describe('requests at random', () => {
  it('say what they say alone, whatever happens to loads and to others', async () => {
    const store = await filled();
    let seed = 1;
    const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
    store.before = (what) =>
      what === 'frame' && random(4) === 0 ? new Promise((resolve) => setTimeout(resolve, random(3))) : undefined;
    // Time passes in long steps alone: what is decided does not depend on the machine.
    const time = { ms: 0 };
    const clock = { wallMs: () => Date.now(), monotonicMs: () => time.ms };
    const harness = storeHarness(store, { limits: { pages: 64 }, options: { clock } });
    harness.runner.beforeStep = ({ tokenIds }) => void (time.ms += tokenIds.length > 32 ? 50 : 0);
    let gates = 0;
    for (let round = 0; round < 25; round++) {
      const asks = Array.from({ length: 4 }, async () => {
        const length = 100 + random(120);
        const promptTokenIds = Int32Array.from([...prompt(length, 1).slice(0, 64 * (1 + random(3))), ...prompt(30, 7)]);
        const asked = request({ promptTokenIds, maxTokens: 1 + random(12) });
        const controller = new AbortController();
        if (random(3) === 0) setTimeout(() => controller.abort(), random(8));
        await ask(harness, asked, controller.signal).catch((error: unknown) =>
          expect(error).toMatchObject({ reason: 'CANCELLED' }),
        );
      });
      await Promise.all(asks);
      // What the pool has need not be loaded: a request as long as the pool takes it all.
      await ask(harness, request({ promptTokenIds: prompt(1000, 100 + round), maxTokens: 1, cacheSalt: 'other' }));
      gates = harness.runner.gates.filter(({ complete }) => complete).length;
    }
    await harness.engine.close();
    expect(leaks(harness.engine)).toEqual([]);
    expect(gates).toBeGreaterThan(0);
    expect(
      harness.runner.gates.every(({ complete, cancelled, layers }) => complete !== cancelled && layers === LAYERS),
    ).toBe(true);
  });
});
