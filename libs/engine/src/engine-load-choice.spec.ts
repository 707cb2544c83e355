import { describe, expect, it } from '@jest/globals';
import type { LoadOutcome } from './store/prefix-load.js';
import { collect, expectedTokens, prompt, request, type Harness } from './testing/fixtures.js';
import { MemoryStore } from './testing/memory-store.js';
import { storeHarness } from './testing/store-fixtures.js';

const LENGTH = 200;
/** Prompts that have nothing in common. */
const ids = (which: number): Int32Array => prompt(LENGTH, 10 + which);

async function ask({ engine }: Harness, which: number): Promise<void> {
  const asked = request({ promptTokenIds: ids(which), maxTokens: 2 });
  const { choices } = await collect(engine.submit(asked));
  expect(choices[0]?.tokens).toEqual(expectedTokens(asked));
}

/** A store with the prompts 0 to 9. */
async function filled(): Promise<MemoryStore> {
  const store = new MemoryStore();
  const first = storeHarness(store);
  for (let which = 0; which < 10; which++) await ask(first, which);
  await first.engine.close();
  return store;
}

/** An engine that decides; its time is told by what it computes and loads. */
function deciding(store: MemoryStore, pace: { microsPerToken: number; microsPerFrame: number }) {
  const time = { ms: 0 };
  const outcomes: LoadOutcome[] = [];
  const clock = { wallMs: () => Date.now(), monotonicMs: () => time.ms };
  const options = { clock, observer: { prefixLoaded: (load: LoadOutcome) => void outcomes.push(load) } };
  const harness = storeHarness(store, { options, store: { loadPolicy: 'auto', overlapPatienceMs: 0 } });
  harness.runner.beforeStep = ({ tokenIds }) => void (time.ms += (tokenIds.length * pace.microsPerToken) / 1000);
  store.before = (what) => void (time.ms += what === 'frame' ? pace.microsPerFrame / 1000 : 0);
  const choice = async (which: number): Promise<number[]> => {
    await ask(harness, which);
    const { matchedBlocks, chosenBlocks, loadedBlocks } = outcomes.at(-1) as LoadOutcome;
    return [matchedBlocks, chosenBlocks, loadedBlocks];
  };
  /** Computes a prompt that nobody has stored, so that the speed of prefill is known. */
  const learn = (which: number): Promise<void> => ask(harness, 100 + which);
  return { choice, learn };
}

const BLOCKS = 3;
const loaded = [BLOCKS, BLOCKS, BLOCKS];
const recomputed = [BLOCKS, 0, 0];

describe('load or recompute', () => {
  it('loads what it finds while nothing has been computed', async () => {
    const store = await filled();
    store.microsPerBlock = 1e9;
    expect(await deciding(store, { microsPerToken: 1, microsPerFrame: 1 }).choice(0)).toEqual(loaded);
  });

  it('goes by what the store expects while nothing has been loaded', async () => {
    const store = await filled();
    const { choice, learn } = deciding(store, { microsPerToken: 100, microsPerFrame: 1 });
    await learn(0);
    store.microsPerBlock = 64 * 100 + 1;
    expect(await choice(0)).toEqual(recomputed);
    store.microsPerBlock = 64 * 100 - 1;
    expect(await choice(1)).toEqual(loaded);
  });

  it('goes by its own measurement afterwards: a store slower than prefill is not loaded from', async () => {
    const store = await filled();
    const { choice, learn } = deciding(store, { microsPerToken: 100, microsPerFrame: 5000 });
    await learn(0);
    expect(await choice(0)).toEqual(loaded);
    expect(await choice(1)).toEqual(recomputed);
  });

  it('and a store faster than prefill is, whatever it expected of itself', async () => {
    const store = await filled();
    const { choice, learn } = deciding(store, { microsPerToken: 100, microsPerFrame: 10 });
    expect(await choice(0)).toEqual(loaded);
    await learn(0);
    store.microsPerBlock = 1e9;
    expect(await choice(1)).toEqual(loaded);
  });

  it('tries a store again that was slow once, after some prompts', async () => {
    const store = await filled();
    const pace = { microsPerToken: 100, microsPerFrame: 5000 };
    const { choice, learn } = deciding(store, pace);
    await learn(0);
    expect(await choice(0)).toEqual(loaded);
    pace.microsPerFrame = 10;
    const choices: number[][] = [];
    for (let which = 1; which < 10; which++) choices.push(await choice(which));
    expect(choices[0]).toEqual(recomputed);
    expect(choices.at(-1)).toEqual(loaded);
  });
});
