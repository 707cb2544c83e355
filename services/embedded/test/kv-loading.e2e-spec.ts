import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DENSE } from '@longhaul/attention';
import { engineSettings, openLocalEngine, type LocalEngine } from '@longhaul/decode-worker';
import { engineViolations } from '@longhaul/engine';
import type { GenerationRequest } from '@longhaul/inference';
import type { GetFrame } from '@longhaul/kv-core';
import { openLocalStore, storeSettings, type LocalStore } from '@longhaul/kv-store';
import { loadConfig } from '@longhaul/platform-config';
import { EventLog } from '@longhaul/platform-otel';
import { NEEDLE_3M, seededRandom } from '@longhaul/testing';
import { hookedStore, type FrameHook } from './support/hooked-store.js';
import { PackageFolder } from './support/packages.js';

const BLOCK = 64;
const PREFIX = 6 * BLOCK;
/** Long enough that computing it takes longer than loading the prefix. */
const REST = 400;
const OUTPUT = 6;
const LAST_LAYER = 3;

const log = new EventLog('test', 'silent');
const random = seededRandom(5);
const tokens = (count: number): number[] => Array.from({ length: count }, () => 300 + Math.floor(random() * 200));
const prefix = tokens(PREFIX);

let packages: PackageFolder;
let needle = '';
let kvDir = '';
let store: LocalStore;
const engines: LocalEngine[] = [];

beforeAll(async () => {
  packages = await PackageFolder.create();
  needle = await packages.import(NEEDLE_3M, 'needle-3m', 'int8');
});
afterAll(() => packages.remove());
beforeEach(async () => {
  kvDir = await mkdtemp(join(tmpdir(), 'longhaul-loading-'));
  const config = loadConfig(storeSettings, { argv: ['--kv-dir', kvDir], env: {} });
  store = await openLocalStore(config, { log, owner: 'test' });
});
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
  await store.close();
  await rm(kvDir, { recursive: true, force: true });
});

/** An engine over the store of the test, whose frames pass the hook; without a hook one without a store. */
async function open(hook: FrameHook | null, ...flags: string[]): Promise<LocalEngine> {
  const pool = flags.includes('--kv-cache-tokens') ? [] : ['--kv-cache-tokens', '4096'];
  const argv = ['--model', needle, '--kv-load', 'always', ...pool, ...flags];
  const { checksum } = store;
  const tenantSecret = Buffer.from('a secret of these tests');
  const connection = hook && { store: hookedStore(store.store, hook), checksum, tenantSecret, close: async () => {} };
  const opened = await openLocalEngine(loadConfig(engineSettings, { argv, env: {} }), log, { store: connection });
  engines.push(opened);
  return opened;
}

const untouched: FrameHook = { frame: (frame) => frame };
let requests = 0;

function greedy(promptTokenIds: readonly number[]): GenerationRequest {
  return {
    ...{
      requestId: `r${requests++}`,
      promptTokenIds: Int32Array.from(promptTokenIds),
      tenant: 'tenant',
      cacheSalt: '',
      n: 1,
    },
    ...{ maxTokens: OUTPUT, logprobs: null, promptLogprobs: null, includeSpecialTokens: true, priority: 0 },
    ...{ attention: DENSE, quality: null, deadlineMs: null, speculation: null },
    sampling: {
      ...{ temperature: 0, topP: 1, topK: 0, minP: 0, repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0 },
      ...{ logitBias: new Map<number, number>(), seed: 0n },
    },
    stop: { strings: [], tokenIds: [], includeStopString: false, ignoreEos: true, minTokens: 0 },
  };
}

interface Answer {
  tokens: number[];
  cachedTokens: number;
}

async function ask({ engine }: LocalEngine, prompt: readonly number[], signal?: AbortSignal): Promise<Answer> {
  const answer: Answer = { tokens: [], cachedTokens: 0 };
  for await (const event of engine.submit(greedy(prompt), signal)) {
    if (event.kind === 'delta') answer.tokens.push(...event.tokenIds);
    if (event.kind === 'done') answer.cachedTokens = event.usage.cachedTokens;
  }
  return answer;
}

/** Computes the prefix once and leaves its blocks in the store. @returns what an engine without one says. */
async function fill(prompts: readonly (readonly number[])[]): Promise<number[][]> {
  const plain = await open(null);
  const expected: number[][] = [];
  for (const prompt of prompts) expected.push((await ask(plain, prompt)).tokens);
  const first = await open(untouched);
  await ask(first, prefix);
  await first.close();
  return expected;
}

/** Once what is sealed has been written: a write under way holds pages. */
async function expectNothingHeld({ engine }: LocalEngine): Promise<void> {
  await engine.close();
  const snapshot = engine.snapshot();
  expect(engineViolations(snapshot)).toEqual([]);
  expect(snapshot.pages.references.filter((count) => count > 0)).toEqual([]);
}

/** Holds back the last layer until a step has begun over the others. */
class LastLayer implements FrameHook {
  readonly #then: (frame: GetFrame) => GetFrame;
  engine: LocalEngine | null = null;
  overlapped = false;
  #sections = new Map<number, number>();

  constructor(then: (frame: GetFrame) => GetFrame = (frame) => frame) {
    this.#then = then;
  }

  async frame(frame: GetFrame): Promise<GetFrame> {
    if (frame.kind !== 'data') return frame;
    const first = !this.#sections.has(frame.block);
    this.#sections.set(frame.block, Math.max(frame.section, this.#sections.get(frame.block) ?? 0));
    if (first || frame.section < 2 + 2 * LAST_LAYER) return frame;
    for (let i = 0; i < 5000 && !this.#stepping(); i++) await new Promise((resolve) => setTimeout(resolve, 2));
    return this.#then(frame);
  }

  #stepping(): boolean {
    const loading = this.engine?.engine.snapshot().loading ?? [];
    this.overlapped ||= loading.some(({ reserved }) => reserved.length > 0);
    return this.overlapped;
  }
}

describe('a prefix whose last layer is on its way when a step begins', () => {
  const prompt = [...prefix, ...tokens(REST)];
  // Patience beyond what a busy machine needs.
  const patient = ['--kv-overlap-patience-ms', '60000'];

  it('changes no token', async () => {
    const [expected] = await fill([prompt]);
    const hook = new LastLayer();
    const engine = (hook.engine = await open(hook, ...patient));
    expect(await ask(engine, prompt)).toEqual({ tokens: expected, cachedTokens: PREFIX });
    expect(hook.overlapped).toBe(true);
    await expectNothingHeld(engine);
  });

  it('is waited for as a whole where overlapping is off, and changes no token', async () => {
    const [expected] = await fill([prompt]);
    const engine = await open(untouched, '--kv-overlap-patience-ms', '0');
    expect(await ask(engine, prompt)).toEqual({ tokens: expected, cachedTokens: PREFIX });
    await expectNothingHeld(engine);
  });

  it('and proves damaged is computed from there on', async () => {
    const [expected] = await fill([prompt]);
    const hook = new LastLayer((frame) => {
      if (frame.kind !== 'data' || frame.block !== 2) return frame;
      const bytes = Uint8Array.from(frame.bytes);
      bytes[7]! ^= 1;
      return { ...frame, bytes };
    });
    const engine = (hook.engine = await open(hook, ...patient));
    expect(await ask(engine, prompt)).toEqual({ tokens: expected, cachedTokens: 2 * BLOCK });
    expect(hook.overlapped).toBe(true);
    await expectNothingHeld(engine);
  });

  it('and never comes is computed', async () => {
    const [expected] = await fill([prompt]);
    const hook = new LastLayer(() => {
      throw new Error('the store went away');
    });
    const engine = (hook.engine = await open(hook, ...patient));
    expect(await ask(engine, prompt)).toEqual({ tokens: expected, cachedTokens: 0 });
    expect(hook.overlapped).toBe(true);
    await expectNothingHeld(engine);
  });

  it('is waited for no longer than the patience; the step is then done again', async () => {
    const [expected] = await fill([prompt]);
    let waits = 0;
    const hook = new LastLayer();
    const slow: FrameHook = {
      frame: async (frame) => {
        const handed = await hook.frame(frame);
        if (hook.overlapped && waits++ === 0) await new Promise((resolve) => setTimeout(resolve, 900));
        return handed;
      },
    };
    const engine = (hook.engine = await open(slow, '--kv-overlap-patience-ms', '600'));
    expect(await ask(engine, prompt)).toEqual({ tokens: expected, cachedTokens: PREFIX });
    await expectNothingHeld(engine);
  });

  it('is given up with its request', async () => {
    await fill([prompt]);
    const controller = new AbortController();
    const hook = new LastLayer((frame) => {
      controller.abort();
      return frame;
    });
    const engine = (hook.engine = await open(hook, ...patient));
    await expect(ask(engine, prompt, controller.signal)).rejects.toMatchObject({ reason: 'CANCELLED' });
    await expectNothingHeld(engine);
  });
});

describe('two engines over one store', () => {
  it('say what an engine without a store says, whatever is loaded, computed and cancelled at the same time', async () => {
    const prompts = Array.from({ length: 6 }, (_, i) => [...prefix.slice(0, BLOCK * (1 + (i % 6))), ...tokens(90)]);
    const expected = await fill(prompts);
    const slow: FrameHook = {
      frame: async (frame) => {
        if (random() < 0.05) await new Promise((resolve) => setTimeout(resolve, 1));
        return frame;
      },
    };
    const both = [await open(slow, '--kv-cache-tokens', '1024'), await open(slow, '--kv-cache-tokens', '1024')];
    let cancelled = 0;
    let loaded = 0;
    const work = Array.from({ length: 6 }, async (_, client) => {
      for (let round = 0; round < 8; round++) {
        const which = Math.floor(random() * prompts.length);
        const controller = new AbortController();
        if (random() < 0.35) setTimeout(() => controller.abort(), random() * 60);
        try {
          const answer = await ask(both[client % 2]!, prompts[which] ?? [], controller.signal);
          expect(answer.tokens).toEqual(expected[which]);
          if (answer.cachedTokens > 0) loaded++;
        } catch (error) {
          expect(error).toMatchObject({ reason: 'CANCELLED' });
          cancelled++;
        }
      }
    });
    await Promise.all(work);
    expect(loaded).toBeGreaterThan(0);
    expect(cancelled).toBeGreaterThan(0);
    for (const engine of both) await expectNothingHeld(engine);
  });
});
