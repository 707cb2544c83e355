import { describe, expect, it } from '@jest/globals';
import type { GenerationRequest } from '@longhaul/inference';
import type { EngineOptions } from './context.js';
import type { OpenDrafter } from './drafting/drafter.js';
import type { Engine } from './engine.js';
import { engineViolations } from './invariants.js';
import type { EngineLimits } from './limits.js';
import type { EngineObserver } from './observer.js';
import { collect, expectedTokens, harness, leaks, prompt, request, type Overrides } from './testing/fixtures.js';
import { MemoryStore } from './testing/memory-store.js';
import { Oracle, randomDrafter } from './testing/oracle-drafter.js';
import type { SimulatedRunner } from './testing/simulated-runner.js';
import { storeHarness } from './testing/store-fixtures.js';

const speculation = { kind: 'lookup', maxDraftTokens: 8 } as const;
const drafted = (overrides: Overrides = {}): GenerationRequest => request({ speculation, ...overrides });
const plain = (asked: GenerationRequest): GenerationRequest => ({ ...asked, speculation: null });
/** Finds the token that an answer has first at its place. */
const tokenAt = (asked: GenerationRequest, index: number): number => expectedTokens(asked)[index] as number;

interface Drafts {
  engine: Engine;
  runner: SimulatedRunner;
  oracle: Oracle;
  /** What verifications came to. */
  verified: { drafted: number; accepted: number }[];
}

/** An engine whose drafter knows the answers. The invariants are checked in the middle of every step. */
function drafting(limits: Partial<EngineLimits> = {}, options: Partial<EngineOptions> = {}): Drafts {
  const oracle = new Oracle();
  const verified: { drafted: number; accepted: number }[] = [];
  const observer: EngineObserver = { verified: (draft) => verified.push(draft) };
  const parts = harness(limits, { openDrafter: oracle.open, observer, ...options });
  parts.runner.beforeStep = () => expect(engineViolations(parts.engine.snapshot())).toEqual([]);
  return { ...parts, oracle, verified };
}

describe('drafted tokens', () => {
  it('that are right are all kept, so that the answer takes fewer steps', async () => {
    const { engine, runner, oracle, verified } = drafting();
    const asked = oracle.know(drafted({ maxTokens: 60 }));
    const { choices, done } = await collect(engine.submit(asked));
    expect(choices[0]?.tokens).toEqual(expectedTokens(asked));
    expect(done?.usage.completionTokens).toBe(60);
    expect(runner.steps.length).toBeLessThan(20);
    expect(verified.every((draft) => draft.accepted === draft.drafted)).toBe(true);
    expect(leaks(engine)).toEqual([]);
  });

  it('that are wrong cost pages for one step only', async () => {
    const { engine, runner, oracle } = drafting({ pages: 16 });
    oracle.wrongAt = (position) => position % 3 !== 0;
    const asked = oracle.know(drafted({ promptTokenIds: prompt(15, 2), maxTokens: 100 }));
    const { choices } = await collect(engine.submit(asked));
    expect(choices[0]?.tokens).toEqual(expectedTokens(asked));
    expect(runner.steps.some(({ samples }) => samples.length > 1)).toBe(true);
    expect(leaks(engine)).toEqual([]);
  });

  it('are nothing that a prompt is computed with, nor a choice before it is forked', async () => {
    const { engine, runner, oracle } = drafting({ maxPrefillTokens: 16 });
    const asked = oracle.know(drafted({ n: 3, promptTokenIds: prompt(40, 1), sampling: { temperature: 1 } }));
    const { choices } = await collect(engine.submit(asked));
    expect(choices.map(({ tokens }) => tokens)).toEqual([0, 1, 2].map((choice) => expectedTokens(asked, choice)));
    expect(runner.steps.slice(0, 3).map(({ tokenIds }) => tokenIds.length)).toEqual([16, 16, 8]);
  });

  it('behind a token that was drawn otherwise mean nothing, not even as a failure', async () => {
    const { engine, runner, oracle } = drafting();
    oracle.wrongAt = (position) => position === 25;
    const asked = oracle.know(drafted({ maxTokens: 12 }));
    runner.nanAfterToken = (tokenAt(asked, 5) + 1) % 48;
    expect([...asked.promptTokenIds, ...expectedTokens(asked)]).not.toContain(runner.nanAfterToken);
    const { choices } = await collect(engine.submit(asked));
    expect(choices[0]?.tokens).toEqual(expectedTokens(asked));
  });

  it('are not proposed beyond the end token, the stop tokens and the last token of the answer', async () => {
    const { engine, runner, oracle } = drafting();
    const asked = oracle.know(drafted({ maxTokens: 12 }));
    const stop = tokenAt(asked, 9);
    const stopped = drafted({ ...asked, requestId: 'stopped', stop: { tokenIds: [stop] } });
    await collect(engine.submit(asked));
    expect(Math.max(...runner.steps.map(({ samples }) => samples.at(-1)?.position ?? 0))).toBe(31);
    runner.steps.length = 0;
    const { choices } = await collect(engine.submit(stopped));
    expect(choices[0]).toMatchObject({ tokens: expectedTokens(stopped), reason: 'stop' });
    const first = expectedTokens(asked).indexOf(stop);
    expect(Math.max(...runner.steps.map(({ samples }) => samples.at(-1)?.position ?? 0))).toBe(20 + first);
  });

  it('count as seen for the penalties of the draws behind them', async () => {
    const { engine, oracle, verified } = drafting();
    const sampling = { temperature: 0.8, repetitionPenalty: 1.7, presencePenalty: 1, frequencyPenalty: 0.6, seed: 5n };
    const asked = oracle.know(drafted({ maxTokens: 50, sampling, stop: { minTokens: 10, ignoreEos: false } }));
    const { choices } = await collect(engine.submit(asked));
    expect(choices[0]?.tokens).toEqual(expectedTokens(asked));
    expect(verified.every((draft) => draft.accepted === draft.drafted)).toBe(true);
  });
});

describe('an answer that ends among accepted drafts', () => {
  const answer = async (limits: Partial<EngineLimits>, asked: GenerationRequest, know = asked) => {
    const store = new MemoryStore();
    const oracle = new Oracle();
    oracle.know(know);
    const { engine } = storeHarness(store, { limits, options: { openDrafter: oracle.open } });
    const result = await collect(engine.submit(asked));
    const { cache } = engine.snapshot();
    await engine.close(1000);
    expect(leaks(engine)).toEqual([]);
    return { result, cached: cache.length, stored: [...store.objects.keys()].sort() };
  };

  it.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'by a stop string ends there, and nothing behind it is kept (%i)',
    async (shift) => {
      const promptTokenIds = prompt(52 - shift, 3);
      const whole = drafted({ promptTokenIds, maxTokens: 40 });
      const { result } = await answer({}, plain(whole));
      const text = result.choices[0]?.text ?? '';
      const asked = drafted({ promptTokenIds, maxTokens: 40, stop: { strings: [text.slice(13, 18)] } });
      const without = await answer({}, plain(asked));
      const withDrafts = await answer({}, asked, whole);
      expect(withDrafts.result.choices).toEqual(without.result.choices);
      const { draftedTokens = 0, acceptedTokens = 0, ...usage } = withDrafts.result.done?.usage ?? {};
      expect(without.result.done?.usage).toEqual({ ...usage, draftedTokens: 0, acceptedTokens: 0 });
      expect(acceptedTokens).toBeLessThan(draftedTokens);
      expect(withDrafts.cached).toBe(without.cached);
      expect(withDrafts.stored).toEqual(without.stored);
    },
  );

  it('by a draw that fails has what was drawn before it, and its blocks are withdrawn as ever', async () => {
    const failing = async (speculating: boolean) => {
      const { engine, runner, oracle } = drafting();
      const asked = oracle.know(drafted({ promptTokenIds: prompt(30, 4), maxTokens: 20 }));
      runner.nanAfterToken = tokenAt(asked, 6);
      const texts: string[] = [];
      const ended = (async () => {
        for await (const event of engine.submit(speculating ? asked : plain(asked))) {
          if (event.kind === 'delta') texts.push(event.text);
        }
      })();
      await expect(ended).rejects.toMatchObject({ reason: 'MODEL_OUTPUT_NOT_FINITE' });
      return { faults: leaks(engine), cached: engine.snapshot().cache.length, ready: engine.load().ready };
    };
    expect(await failing(true)).toEqual(await failing(false));
  });
});

describe('a text with drafts', () => {
  it('that outgrows its rotation changes it at the same token', async () => {
    const { engine, runner, oracle } = drafting();
    const asked = oracle.know(drafted({ promptTokenIds: prompt(390, 6), maxTokens: 40 }));
    const { choices } = await collect(engine.submit(asked));
    expect(choices[0]?.tokens).toEqual(expectedTokens(asked));
    for (const { ropeInvFreq, samples } of runner.steps) {
      if (ropeInvFreq[0] === 1) for (const { position } of samples) expect(position).toBeLessThanOrEqual(400);
    }
    expect(leaks(engine)).toEqual([]);
  });

  it('may end with the context, and with the last page of the pool', async () => {
    const { engine, oracle } = drafting({ pages: 4 }, {});
    const asked = oracle.know(drafted({ promptTokenIds: prompt(30, 6), maxTokens: 35 }));
    const { choices } = await collect(engine.submit(asked));
    expect(choices[0]?.tokens).toEqual(expectedTokens(asked));
    expect(leaks(engine)).toEqual([]);
  });

  it('that is cancelled during a verification gives all of its pages back at once', async () => {
    const { engine, runner, oracle } = drafting();
    const asked = oracle.know(drafted({ maxTokens: 100 }));
    const controller = new AbortController();
    runner.beforeStep = ({ samples }) => {
      if (samples.length < 4) return;
      controller.abort();
      expect(leaks(engine)).toEqual([]);
    };
    await expect(collect(engine.submit(asked, controller.signal))).rejects.toMatchObject({ code: 'CANCELLED' });
    await engine.drain();
    expect(leaks(engine)).toEqual([]);
  });

  it('is computed again after a failed step, alone and without drafts', async () => {
    const { engine, runner, oracle } = drafting();
    const asked = [1, 2].map((seed) => oracle.know(drafted({ promptTokenIds: prompt(20, seed), maxTokens: 30 })));
    let failures = 0;
    runner.beforeStep = ({ samples }) => {
      if (samples.length > 4 && failures++ === 0) throw new Error('injected');
    };
    const results = await Promise.all(asked.map((r) => collect(engine.submit(r))));
    expect(results.map(({ choices }) => choices[0]?.tokens)).toEqual(asked.map((r) => expectedTokens(r)));
    const failed = runner.steps.findIndex(({ samples }) => samples.length > 4);
    expect(runner.steps.slice(failed + 1, failed + 3).map(({ tokenIds }) => tokenIds.length)).toEqual([1, 1]);
    expect(leaks(engine)).toEqual([]);
  });
});

describe('drafting', () => {
  it('takes what decodes and prompts leave of a step, and displaces nobody', async () => {
    const limits = { maxSequences: 6, maxBatchedTokens: 24, maxPrefillTokens: 18, maxVerifiedTokens: 64 };
    const { engine, runner, oracle } = drafting(limits);
    const asked = [1, 2, 3, 4, 5, 6].map((seed) =>
      oracle.know(drafted({ promptTokenIds: prompt(30 * seed, seed), maxTokens: 30 })),
    );
    runner.beforeStep = ({ cuSeqlens }) => {
      const decodes = engine.snapshot().running.filter(({ tokens, computed }) => tokens - computed === 1);
      expect(cuSeqlens.length - 1).toBeGreaterThanOrEqual(decodes.length);
    };
    const results = await Promise.all(asked.map((r) => collect(engine.submit(r))));
    expect(results.map(({ choices }) => choices[0]?.tokens)).toEqual(asked.map((r) => expectedTokens(r)));
    const sizes = runner.steps.map(({ tokenIds }) => tokenIds.length);
    expect(Math.max(...sizes)).toBe(24);
  });

  it('stops where the decodes fill the batch', async () => {
    const { engine, runner, oracle } = drafting({ maxSequences: 8, maxVerifiedTokens: 8 });
    const asked = Array.from({ length: 8 }, (_, seed) =>
      oracle.know(drafted({ promptTokenIds: prompt(20, seed), maxTokens: 10 })),
    );
    await Promise.all(asked.map((r) => collect(engine.submit(r))));
    expect(oracle.asked).toBe(0);
    expect(runner.steps.every(({ tokenIds, cuSeqlens }) => tokenIds.length <= 160 && cuSeqlens.length <= 9)).toBe(true);
  });

  it('rests when nothing that it proposes is right, longer each time', async () => {
    const { engine, runner, oracle } = drafting();
    oracle.wrongAt = () => true;
    const asked = oracle.know(drafted({ maxTokens: 120 }));
    const { choices } = await collect(engine.submit(asked));
    expect(choices[0]?.tokens).toEqual(expectedTokens(asked));
    const verifications = runner.steps.flatMap(({ samples }, step) => (samples.length > 1 ? [step] : []));
    // Three attempts, then pauses of 16, 32 and 64 steps.
    expect(verifications).toEqual([1, 2, 3, 20, 21, 22, 55, 56, 57]);
  });

  it('that fails is given up for its choice, which goes on without', async () => {
    const failed: string[] = [];
    const observer: EngineObserver = { draftingFailed: ({ error }) => failed.push(error.message) };
    const broken: OpenDrafter = () => ({
      bytes: 0,
      propose: () => {
        throw new Error('broken');
      },
    });
    const { engine } = drafting({}, { openDrafter: broken, observer });
    const asked = drafted();
    const { choices } = await collect(engine.submit(asked));
    expect(choices[0]?.tokens).toEqual(expectedTokens(asked));
    expect(failed).toHaveLength(1);
  });

  it('may propose anything: what the model does not have is never computed', async () => {
    const { engine } = drafting({}, { openDrafter: randomDrafter });
    const asked = drafted({ maxTokens: 40 });
    const { choices } = await collect(engine.submit(asked));
    expect(choices[0]?.tokens).toEqual(expectedTokens(asked));
  });
});
