import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { allowsDrafts, DENSE, quest, type PolicySpec } from '@longhaul/attention';
import { engineSettings, openLocalEngine, type LocalEngine } from '@longhaul/decode-worker';
import { engineViolations } from '@longhaul/engine';
import type { AttentionUsage, GenerationRequest } from '@longhaul/inference';
import { openLocalStore, storeSettings, type LocalStore } from '@longhaul/kv-store';
import { loadConfig } from '@longhaul/platform-config';
import { EventLog } from '@longhaul/platform-otel';
import { NEEDLE_3M, seededRandom } from '@longhaul/testing';
import { madeArtefacts } from './support/made-artefacts.js';
import { PackageFolder } from './support/packages.js';
import { smallPolicies } from './support/small-policies.js';

// Every policy is asked in each of them.
jest.setTimeout(600_000);

const PROMPT = 700;
const OUTPUT = 20;

const random = seededRandom(5);
const period = Array.from({ length: 90 }, () => 300 + Math.floor(random() * 200));
/** It repeats itself, so that drafts have something to find. */
const prompt = Array.from({ length: PROMPT }, (_, i) => period[(i * (1 + (i >> 8))) % 90] as number);

interface Answer {
  tokens: number[][];
  /** Of the drawn tokens: equal bits, not only equal words. */
  logprobs: number[][];
  cachedTokens: number;
  draftedTokens: number;
  attention: AttentionUsage | null;
}

let requests = 0;

function requestOf(attention: PolicySpec, overrides: Partial<GenerationRequest> = {}): GenerationRequest {
  const requestId = `r${requests++}`;
  return {
    ...{ requestId, promptTokenIds: Int32Array.from(prompt), tenant: 'tenant', attention, n: 1, maxTokens: OUTPUT },
    // Nobody shares with anybody, if it is not said.
    cacheSalt: requestId,
    ...{ logprobs: 0, promptLogprobs: null, includeSpecialTokens: true, priority: 0 },
    ...{ quality: null, deadlineMs: null, speculation: null },
    sampling: {
      ...{ temperature: 0, topP: 1, topK: 0, minP: 0, repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0 },
      ...{ logitBias: new Map<number, number>(), seed: 0n },
    },
    stop: { strings: [], tokenIds: [], includeStopString: false, ignoreEos: true, minTokens: 0 },
    ...overrides,
  };
}

async function ask({ engine }: LocalEngine, asked: GenerationRequest): Promise<Answer> {
  const answer: Answer = { tokens: [], logprobs: [], cachedTokens: 0, draftedTokens: 0, attention: null };
  for await (const event of engine.submit(asked)) {
    if (event.kind === 'delta') {
      (answer.tokens[event.choice] ??= []).push(...event.tokenIds);
      (answer.logprobs[event.choice] ??= []).push(...(event.logprobs ?? []).map(({ logprob }) => logprob));
    }
    if (event.kind === 'done') {
      const { cachedTokens, draftedTokens, attention } = event.usage;
      Object.assign(answer, { cachedTokens, draftedTokens, attention });
    }
  }
  return answer;
}

const said = ({ tokens, logprobs }: Answer) => ({ tokens, logprobs });

let packages: PackageFolder;
let needle = '';
beforeAll(async () => {
  packages = await PackageFolder.create();
  needle = await packages.import(NEEDLE_3M, 'needle-3m', 'int8');
});
afterAll(() => packages.remove());

async function open(dtype: string, flags: readonly string[], store: LocalStore | null = null, log = silent) {
  const pool = flags.includes('--kv-cache-tokens') ? [] : ['--kv-cache-tokens', '16384'];
  const argv = ['--model', needle, '--kv-cache-dtype', dtype, '--kv-load', 'always', ...pool, ...flags];
  const tenantSecret = Buffer.from('a secret of these tests');
  const connection = store && { store: store.store, checksum: store.checksum, tenantSecret, close: async () => {} };
  const artefacts = madeArtefacts({ layers: 4, kvHeads: 2, headDim: 64 });
  return openLocalEngine(loadConfig(engineSettings, { argv, env: {} }), log, { store: connection, artefacts });
}

const silent = new EventLog('test', 'silent');

async function expectNothingHeld(local: LocalEngine): Promise<void> {
  await local.engine.close();
  const snapshot = local.engine.snapshot();
  expect(engineViolations(snapshot)).toEqual([]);
  expect(snapshot.attention).toBe(0);
  await local.close();
}

describe.each(['bf16', 'f32', 'int8'])('an answer under a policy, KV in %s', (dtype) => {
  const alone = new Map<string, Answer>();
  const of = (id: string) => said(alone.get(id) as Answer);
  let plain: LocalEngine;

  beforeAll(async () => {
    plain = await open(dtype, []);
    for (const [id, policy] of smallPolicies) alone.set(id, await ask(plain, requestOf(policy)));
  });
  afterAll(() => expectNothingHeld(plain));

  it('leaves something out, and is another one than that of dense attention', () => {
    for (const [id] of smallPolicies) {
      const { density, policy } = alone.get(id)?.attention as AttentionUsage;
      const least = Math.min(density.prefill, density.decode);
      expect([id, policy, least < 0.95]).toEqual([id, id, id !== 'dense' && id !== 'skip-softmax']);
    }
    const distinct = new Set(smallPolicies.map(([id]) => JSON.stringify(of(id))));
    expect(distinct.size).toBeGreaterThan(smallPolicies.length / 2);
  });

  it('is the same in other chunks', async () => {
    const chunked = await open(dtype, ['--max-num-batched-tokens', '160', '--max-num-seqs', '4']);
    for (const [id, policy] of smallPolicies) {
      expect([id, said(await ask(chunked, requestOf(policy)))]).toEqual([id, of(id)]);
    }
    await expectNothingHeld(chunked);
  });

  it('is the same in a batch of all policies', async () => {
    const answers = await Promise.all(smallPolicies.map(([, policy]) => ask(plain, requestOf(policy))));
    answers.forEach((answer, i) => {
      const id = smallPolicies[i]?.[0] as string;
      expect([id, said(answer)]).toEqual([id, of(id)]);
    });
  });

  it('is the same over a prefix that an equal policy has left in the pool', async () => {
    for (const [id, policy] of smallPolicies) {
      const cacheSalt = `pool ${id}`;
      await ask(plain, requestOf(policy, { cacheSalt, maxTokens: 1 }));
      const warm = await ask(plain, requestOf(policy, { cacheSalt }));
      expect([id, said(warm), warm.cachedTokens >= 640]).toEqual([id, of(id), true]);
    }
  });

  it('is the same where all policies and dense requests share one space', async () => {
    for (const round of [0, 1]) {
      for (const [id, policy] of smallPolicies) {
        const answer = await ask(plain, requestOf(policy, { cacheSalt: 'shared' }));
        expect([round, id, said(answer)]).toEqual([round, id, of(id)]);
      }
    }
  });

  it('is the same over a prefix from a store', async () => {
    const kvDir = await mkdtemp(join(tmpdir(), 'longhaul-attention-'));
    const config = loadConfig(storeSettings, { argv: ['--kv-dir', kvDir], env: {} });
    const store = await openLocalStore(config, { log: silent, owner: 'test' });
    const first = await open(dtype, [], store);
    for (const [, policy] of smallPolicies) await ask(first, requestOf(policy, { cacheSalt: '', maxTokens: 1 }));
    await expectNothingHeld(first);
    const second = await open(dtype, ['--kv-cache-tokens', '1024'], store);
    for (const [id, policy] of smallPolicies) {
      const warm = await ask(second, requestOf(policy, { cacheSalt: '' }));
      expect([id, said(warm), warm.cachedTokens >= 640]).toEqual([id, of(id), true]);
    }
    await expectNothingHeld(second);
    await store.close();
    await rm(kvDir, { recursive: true, force: true });
  });

  it('is the same after a preemption', async () => {
    let preemptions = 0;
    const write = (line: string): void => void (preemptions += line.includes('sequence-preempted') ? 1 : 0);
    const log = new EventLog('test', 'info', { write });
    const tight = await open(dtype, ['--kv-cache-tokens', '1488', '--no-enable-prefix-caching'], null, log);
    for (const [id, policy] of smallPolicies) {
      const two = [0, 1].map(() => requestOf(policy, { maxTokens: 60 }));
      const answers = await Promise.all(two.map((asked) => ask(tight, asked)));
      const whole = await ask(plain, requestOf(policy, { maxTokens: 60 }));
      for (const answer of answers) expect([id, said(answer)]).toEqual([id, said(whole)]);
    }
    expect(preemptions).toBeGreaterThanOrEqual(smallPolicies.length);
    await expectNothingHeld(tight);
  });

  it('is the same in each of several choices', async () => {
    for (const [id, policy] of smallPolicies) {
      const { tokens, logprobs } = await ask(plain, requestOf(policy, { n: 3 }));
      const one = of(id);
      expect([id, tokens]).toEqual([id, [0, 1, 2].map(() => one.tokens[0])]);
      expect([id, logprobs]).toEqual([id, [0, 1, 2].map(() => one.logprobs[0])]);
    }
  });

  it('is the same with drafted tokens, where the policy allows them', async () => {
    let drafted = 0;
    for (const [id, policy] of smallPolicies) {
      const asked = requestOf(policy, { speculation: { kind: 'lookup', maxDraftTokens: 4 } });
      if (!allowsDrafts(policy)) {
        await expect(ask(plain, asked)).rejects.toMatchObject({ field: 'speculation' });
        continue;
      }
      const answer = await ask(plain, asked);
      drafted += answer.draftedTokens;
      expect([id, said(answer)]).toEqual([id, of(id)]);
    }
    expect(drafted).toBeGreaterThan(0);
  });

  it('is the same while queries and whole steps of it are compared with dense attention', async () => {
    const bounds = ['--audit-least-recall', '0', '--audit-most-kl', '100'];
    const audited = await open(dtype, ['--audit-share', '0.5', '--audit-kl-share', '0.5', ...bounds]);
    let steps = 0;
    for (const [id, policy] of smallPolicies) {
      const answer = await ask(audited, requestOf(policy));
      expect([id, said(answer)]).toEqual([id, of(id)]);
      const { audit, density, fallbacks } = answer.attention as AttentionUsage;
      expect([id, fallbacks, audit?.breaches ?? 0]).toEqual([id, 0, 0]);
      if (density.decode < 1) expect([id, audit?.kl]).toEqual([id, expect.any(Number)]);
      steps += audit?.klSamples ?? 0;
    }
    expect(steps).toBeGreaterThan(smallPolicies.length);
    await expectNothingHeld(audited);
  });

  it('diverges by nothing at all where its lists leave nothing out, whatever page the token is in', async () => {
    const audited = await open(dtype, ['--audit-kl-share', '1']);
    const everything = { plans: quest({ budgetTokens: 4096, denseLayers: 0 }) };
    const { attention } = await ask(audited, requestOf(everything, { maxTokens: 60 }));
    expect(attention).toMatchObject({ fallbacks: 0, audit: { klSamples: 59, kl: 0, breaches: 0 } });
    await expectNothingHeld(audited);
  });

  it('is dense where the text is shorter than what is dense, in bits and in usage', async () => {
    const dense = await ask(plain, requestOf(DENSE));
    const short = await ask(plain, requestOf({ preset: 'balanced' }));
    expect(said(short)).toEqual(said(dense));
    expect(short.attention).toMatchObject({ policy: 'balanced', density: { prefill: 1, decode: 1 }, fallbacks: 0 });
  });
});
