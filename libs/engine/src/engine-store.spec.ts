import { describe, expect, it } from '@jest/globals';
import type { GenerationRequest } from '@longhaul/inference';
import { deriveNamespaceKey, linkKey, rootKey, toHex } from '@longhaul/kv-core';
import type { EngineObserver } from './observer.js';
import { collect, expectedTokens, leaks, prompt, request, simulatedModel, type Harness } from './testing/fixtures.js';
import { Held, until } from './testing/held.js';
import { MemoryStore, never, refused, unreachable } from './testing/memory-store.js';
import { LAYERS, SimulatedRunner, simulatedRope } from './testing/simulated-runner.js';
import { storeHarness, storeOptions, type StoreHarnessOptions } from './testing/store-fixtures.js';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs one request; the tokens must be those of the oracle. @returns tokens that were not computed. */
async function ask({ engine }: Harness, asked: GenerationRequest): Promise<number> {
  const { choices, done } = await collect(engine.submit(asked));
  choices.forEach(({ tokens }, choice) => expect(tokens).toEqual(expectedTokens(asked, choice)));
  return done?.usage.cachedTokens ?? -1;
}

const long = (overrides: Partial<GenerationRequest> = {}) =>
  request({ promptTokenIds: prompt(200, 1), maxTokens: 8, ...overrides });

/** A store that another engine has filled with the prompt of `long`. */
async function filled(parts: StoreHarnessOptions = {}): Promise<MemoryStore> {
  const store = new MemoryStore();
  const first = storeHarness(store, parts);
  expect(await ask(first, long())).toBe(0);
  await first.engine.close();
  expect(leaks(first.engine)).toEqual([]);
  return store;
}

describe('a new engine over a store', () => {
  it('finds what another one has computed, to the last full block, and says the same', async () => {
    const store = await filled();
    expect(store.objects.size).toBe(3);
    const second = storeHarness(store);
    expect(await ask(second, long())).toBe(192);
    expect(second.runner.steps[0]?.tokenIds.length).toBe(8);
    expect(leaks(second.engine)).toEqual([]);
  });

  it('names a block by the key of its last page, in the one chain of the sequence', async () => {
    const store = await filled();
    const { tenantSecret, modelFingerprint } = storeOptions(store, new SimulatedRunner(1));
    const { promptTokenIds, tenant, cacheSalt } = long();
    const { key: ropeKey } = simulatedRope.forLength(promptTokenIds.length);
    let key = rootKey(modelFingerprint, deriveNamespaceKey(tenantSecret, tenant, cacheSalt), { ropeKey });
    const pages: string[] = [];
    for (let page = 0; page < 12; page++) {
      key = linkKey(key, promptTokenIds.subarray(16 * page, 16 * (page + 1)));
      pages.push(toHex(key));
    }
    expect([...store.objects.keys()]).toEqual([pages[3], pages[7], pages[11]]);
  });

  it('whose KV type is less exact finds nothing of it, and shares with those that are alike', async () => {
    const store = await filled();
    const near = { options: { model: { ...simulatedModel, kvQuality: 'near' as const } } };
    const first = storeHarness(store, near);
    expect(await ask(first, long())).toBe(0);
    await first.engine.close();
    expect(store.objects.size).toBe(6);
    expect(await ask(storeHarness(store, near), long({ quality: 'near' }))).toBe(192);
    expect(await ask(storeHarness(store), long({ quality: 'near' }))).toBe(192);
  });

  it('finds generated tokens as well', async () => {
    const store = new MemoryStore();
    const asked = request({ promptTokenIds: prompt(60, 1), maxTokens: 80 });
    const first = storeHarness(store);
    await ask(first, asked);
    await first.engine.close();
    const promptTokenIds = Int32Array.from([...asked.promptTokenIds, ...expectedTokens(asked)]);
    expect(await ask(storeHarness(store), request({ promptTokenIds }))).toBe(128);
  });

  it('finds a text under the rotation that it has grown into, and its beginning under the first one', async () => {
    const store = new MemoryStore();
    const asked = request({ promptTokenIds: prompt(395, 1), maxTokens: 80 });
    const first = storeHarness(store);
    await ask(first, asked);
    await first.engine.close();
    const whole = Int32Array.from([...asked.promptTokenIds, ...expectedTokens(asked)]);
    expect(await ask(storeHarness(store), request({ promptTokenIds: whole }))).toBe(448);
    expect(await ask(storeHarness(store), request({ promptTokenIds: whole.slice(0, 399) }))).toBe(384);
  });

  it('computes the last token of a prompt that is stored as a whole', async () => {
    const store = await filled();
    const asked = request({ promptTokenIds: prompt(200, 1).slice(0, 192), maxTokens: 4 });
    expect(await ask(storeHarness(store), asked)).toBe(176);
  });

  it('loads only what the pool does not have', async () => {
    const store = await filled();
    const second = storeHarness(store);
    await ask(second, request({ promptTokenIds: prompt(200, 1).slice(0, 90), maxTokens: 2, tenant: 'tenant' }));
    expect(await ask(second, long())).toBe(192);
    expect(await ask(second, long())).toBe(192);
    expect(leaks(second.engine)).toEqual([]);
  });

  it.each([
    ['another tenant', { tenant: 'other' }],
    ['another salt', { cacheSalt: 'x' }],
    ['another rotation', { promptTokenIds: Int32Array.from([...prompt(200, 1), ...prompt(250, 9)]) }],
  ])('finds nothing for %s', async (_, overrides) => {
    const store = await filled();
    expect(await ask(storeHarness(store), long(overrides))).toBe(0);
  });

  it('gives all choices of a request the loaded prefix', async () => {
    const store = await filled();
    const second = storeHarness(store);
    expect(await ask(second, long({ n: 3 }))).toBe(192);
    expect(leaks(second.engine)).toEqual([]);
  });

  it('asks for no more blocks than a lookup may have', async () => {
    const store = await filled();
    expect(await ask(storeHarness(store, { store: { maxLookupBlocks: 2 } }), long())).toBe(128);
  });

  it('only stores when told never to load', async () => {
    const store = await filled({ store: { loadPolicy: 'never' } });
    expect(await ask(storeHarness(store, { store: { loadPolicy: 'never' } }), long())).toBe(0);
    expect(store.lookups).toBe(0);
  });
});

describe('a damaged block', () => {
  it('is never used: a bit flipped anywhere costs at most the blocks from there on', async () => {
    const sound = await filled();
    const [name, object] = [...sound.objects][1]!;
    for (let at = 3; at < object.length; at += Math.ceil(object.length / 61)) {
      const store = new MemoryStore();
      for (const [key, bytes] of sound.objects) store.objects.set(key, bytes);
      const damaged = Uint8Array.from(object);
      damaged[at]! ^= 1 << (at % 8);
      store.objects.set(name, damaged);
      const harness = storeHarness(store);
      // A flip in the padding changes nothing that is served.
      expect([64, 192, 0]).toContain(await ask(harness, long()));
      expect(leaks(harness.engine)).toEqual([]);
    }
  });

  it('with another tenant’s content under the right key is refused', async () => {
    const store = await filled();
    const foreign = storeHarness(store);
    await ask(foreign, long({ tenant: 'b' }));
    await foreign.engine.close();
    const names = [...store.objects.keys()];
    names.slice(0, 3).forEach((name, i) => store.objects.set(name, store.objects.get(names[3 + i]!)!));
    expect(await ask(storeHarness(store), long())).toBe(0);
  });

  it('that is gone between lookup and get is computed', async () => {
    const store = await filled();
    store.before = (what) => {
      if (what === 'get') store.objects.delete([...store.objects.keys()][1]!);
    };
    const harness = storeHarness(store);
    expect(await ask(harness, long())).toBe(64);
    expect(leaks(harness.engine)).toEqual([]);
  });
});

describe('a store that fails', () => {
  it.each<[string, MemoryStore['before']]>([
    ['at once', () => Promise.reject(unreachable())],
    ['never answering', () => never()],
    ['in lookups', (what) => (what === 'lookup' ? never() : undefined)],
    ['in gets', (what) => (what === 'get' ? Promise.reject(unreachable()) : undefined)],
    ['in the middle of a get', (what) => (what === 'frame' ? never() : undefined)],
  ])('%s delays a request, and no more', async (_, before) => {
    const store = await filled();
    store.before = before;
    const times = {
      lookupTimeoutMs: 20,
      loadTimeoutMs: 60,
      exportTimeoutMs: 20,
      retryAfterMs: 5000,
      maxRetryAfterMs: 5000,
    };
    const harness = storeHarness(store, { store: times });
    expect(await ask(harness, long())).toBe(0);
    expect(await ask(harness, long())).toBe(192);
    await harness.engine.close(1);
    expect(leaks(harness.engine)).toEqual([]);
  });

  it('in writing is left alone for a while, then gets what is hit again', async () => {
    const store = new MemoryStore();
    const dropped: string[] = [];
    const observer: EngineObserver = { blocksDropped: ({ reason }) => void dropped.push(reason) };
    const harness = storeHarness(store, { options: { observer } });
    store.before = () => Promise.reject(unreachable());
    await ask(harness, long());
    while (dropped.length < 3) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(store.objects.size).toBe(0);
    store.before = () => undefined;
    expect(await ask(harness, long())).toBe(192);
    await harness.engine.close();
    expect(store.objects.size).toBe(3);
    expect(dropped).toEqual(['failed', 'failed', 'failed']);
  });
});

describe('a store that refuses', () => {
  const patient = { store: { retryAfterMs: 60_000, maxRetryAfterMs: 60_000 } };

  it.each<[string, string]>([
    ['is not allowed', 'KV_CAPABILITY_RIGHT'],
    ['is not agreed on', 'KV_NAMESPACE_MISMATCH'],
  ])('a space that %s goes on serving the others', async (_, reason) => {
    const store = await filled();
    const harness = storeHarness(store, patient);
    store.before = (what) => (what === 'lookup' ? Promise.reject(refused(reason)) : undefined);
    expect(await ask(harness, long({ cacheSalt: 'other' }))).toBe(0);
    store.before = () => undefined;
    expect(await ask(harness, long())).toBe(192);
    await harness.engine.close();
    expect(leaks(harness.engine)).toEqual([]);
  });

  it('to be written to goes on being read, and is not offered the next blocks', async () => {
    const store = await filled();
    const other = long({ promptTokenIds: prompt(200, 9) });
    const writer = storeHarness(store);
    await ask(writer, other);
    await writer.engine.close();
    const harness = storeHarness(store, patient);
    let offered = 0;
    store.before = (what) => {
      if (what === 'put') offered++;
      return what === 'put' ? Promise.reject(refused('KV_CAPABILITY_RIGHT')) : undefined;
    };
    const longer = (asked: GenerationRequest) =>
      request({ promptTokenIds: Int32Array.from([...asked.promptTokenIds, ...prompt(100, 2)]), maxTokens: 2 });
    expect(await ask(harness, longer(long()))).toBe(192);
    await until(() => offered > 0);
    await settle();
    const offeredFirst = offered;
    expect(await ask(harness, longer(other))).toBe(192);
    await harness.engine.close();
    expect(offered).toBe(offeredFirst);
    expect(leaks(harness.engine)).toEqual([]);
  });
});

describe('loading', () => {
  it('holds up nobody: others are computed meanwhile', async () => {
    const store = await filled();
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    store.before = (what) => (what === 'frame' ? opened : undefined);
    const harness = storeHarness(store);
    const loading = ask(harness, long());
    await ask(harness, request());
    expect(harness.engine.snapshot().loading.map(({ state }) => state)).toEqual(['loading']);
    expect(harness.engine.storeActivity()).toMatchObject({ loading: 1 });
    open();
    expect(await loading).toBe(192);
    expect(leaks(harness.engine)).toEqual([]);
  });

  it('ends when its request does, and every page comes back', async () => {
    const store = await filled();
    const harness = storeHarness(store);
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    harness.runner.beforeTransfer = () => opened;
    const controller = new AbortController();
    const asked = collect(harness.engine.submit(long(), controller.signal));
    while (harness.engine.snapshot().transfers.length === 0) await settle();
    await settle();
    controller.abort();
    await expect(asked).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect(harness.engine.snapshot().transfers.map(({ length }) => length)).toEqual([12]);
    open();
    await harness.engine.close();
    expect(leaks(harness.engine)).toEqual([]);
  });

  it('never gets pages that a step in flight may still write to', async () => {
    const store = await filled();
    const [stepping, looking] = [new Held(), new Held()];
    const harness = storeHarness(store, { store: { lookupTimeoutMs: 60_000 } });
    let imports = 0;
    store.before = (what) => (what === 'lookup' ? looking.opened : undefined);
    harness.runner.beforeStep = (_, index) => (index === 0 ? stepping.opened : undefined);
    harness.runner.beforeTransfer = (direction) => void (imports += direction === 'import' ? 1 : 0);
    const controller = new AbortController();
    const cancelled = collect(harness.engine.submit(request({ promptTokenIds: prompt(60, 4) }), controller.signal));
    const loaded = ask(harness, long());
    await until(() => harness.runner.steps.length === 1);
    controller.abort();
    await expect(cancelled).rejects.toMatchObject({ reason: 'CANCELLED' });
    looking.open();
    await until(() => imports === 3 * LAYERS);
    await settle();
    stepping.open();
    expect(await loaded).toBe(192);
    expect(leaks(harness.engine)).toEqual([]);
  });

  it('gives way when decodes need its pages', async () => {
    const store = await filled();
    store.before = (what) => (what === 'frame' ? new Promise((resolve) => setTimeout(resolve, 3)) : undefined);
    const harness = storeHarness(store, { limits: { pages: 19 } });
    const other = request({ promptTokenIds: prompt(16, 2), maxTokens: 100 });
    const running = ask(harness, other);
    await settle();
    const [loaded] = await Promise.all([ask(harness, long()), running]);
    expect([0, 192]).toContain(loaded);
    expect(leaks(harness.engine)).toEqual([]);
  });

  it('is reported, and what it gave is in the usage', async () => {
    const store = await filled();
    const seen: unknown[] = [];
    const observer: EngineObserver = {
      prefixLoaded: ({ tokens, matchedBlocks, loadedBlocks, error }) =>
        void seen.push({ tokens, matchedBlocks, loadedBlocks, error }),
      admitted: ({ cachedTokens, loadedTokens }) => void seen.push({ cachedTokens, loadedTokens }),
    };
    await ask(storeHarness(store, { options: { observer }, store: { overlapPatienceMs: 0 } }), long());
    expect(seen).toEqual([
      { tokens: 192, matchedBlocks: 3, loadedBlocks: 3, error: null },
      { cachedTokens: 192, loadedTokens: 192 },
    ]);
  });
});

describe('blocks of a request whose logits are not finite', () => {
  it('are taken out of the store', async () => {
    const store = new MemoryStore();
    const harness = storeHarness(store, { limits: { maxPrefillTokens: 64 } });
    harness.runner.nanAfterToken = 47;
    const promptTokenIds = Int32Array.from([...prompt(150, 3).map((token) => Math.min(token, 46)), 47]);
    harness.runner.beforeStep = () => new Promise((resolve) => setTimeout(resolve, 5));
    const asked = collect(harness.engine.submit(request({ promptTokenIds })));
    await expect(asked).rejects.toMatchObject({ reason: 'MODEL_OUTPUT_NOT_FINITE' });
    await harness.engine.close();
    expect(store.objects.size).toBe(0);
    expect(leaks(harness.engine)).toEqual([]);
  });
});
