import { describe, expect, it } from '@jest/globals';
import type OpenAI from 'openai';
import { DENSE, type PolicyChoice } from '../policies/policy-choice.js';
import { needleCodec } from '../prompt/needle-codec.js';
import type { Task } from '../tasks/task.js';
import type { Asked } from './answer.js';
import { evaluate } from './evaluate.js';
import { Journal } from './journal.js';
import type { Plan } from './plan.js';

const BALANCED: PolicyChoice = {
  ...{ name: 'balanced', denseBelow: 0, digest: 'b' },
  attention: { preset: 'balanced', dense_below: 0 },
};
const codec = needleCodec();
const output = { write: () => undefined };
const task = (name: string, available = Number.POSITIVE_INFINITY): Task => ({
  ...{ name, available },
  sample: ({ length, index }) => ({
    prompt: { text: name, answerPrefix: '' },
    ...{ tokenIds: Int32Array.of(length, index), references: ['yes'], answerTokens: 4 },
  }),
  score: (answer) => (answer === 'yes' ? 1 : 0),
});
const PLAN: Plan = {
  ...{ policies: [DENSE, BALANCED], kvTypes: ['bf16'], lengths: [512, 1024], samples: 2, seed: 1 },
  tasks: [task('one'), task('few', 1)],
};

interface Body {
  prompt: number[];
  cache_salt: string;
  max_tokens: number;
  longhaul?: { attention: unknown };
}
type Usage = Record<string, unknown>;

/** A server that answers yes, and what it was asked; its words about an answer can be changed. */
class SayingYes {
  readonly asked: Body[] = [];
  readonly started: string[] = [];
  stopped = 0;
  readonly #change: (body: Body, usage: Usage) => Usage;

  constructor(change: (body: Body, usage: Usage) => Usage = (_, usage) => usage) {
    this.#change = change;
  }

  start = (kv: string): Promise<Asked & { stop(): Promise<void> }> => {
    this.started.push(kv);
    const create = (body: Body) => Promise.resolve(this.#answer(body));
    const client = { completions: { create } } as unknown as OpenAI;
    return Promise.resolve({ client, model: 'm', stop: () => Promise.resolve(void this.stopped++) });
  };

  /** Without the preflight's. */
  get questions(): Body[] {
    return this.asked.filter(({ cache_salt }) => !cache_salt.startsWith('preflight'));
  }

  async *#answer(body: Body): AsyncGenerator<unknown> {
    this.asked.push(body);
    const sparse = body.longhaul !== undefined;
    const longhaul = sparse
      ? {
          policy: 'balanced',
          density: { prefill: 0.5, decode: 0.25 },
          audit: { recall: 0.9, breaches: 1 },
          fallbacks: 0,
        }
      : null;
    yield { choices: [{ text: 'y', finish_reason: null }] };
    yield await Promise.resolve({ choices: [{ text: 'es', finish_reason: 'stop' }] });
    const usage = { prompt_tokens: 2, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 0 }, longhaul };
    yield { choices: [], usage: this.#change(body, usage) };
  }
}

describe('evaluate', () => {
  it('asks every sample under all policies, one after the other, dense first', async () => {
    const server = new SayingYes();
    const journal = new Journal(null, {});
    await evaluate({ plan: PLAN, codec, journal, start: server.start, output });
    expect(server.questions.map(({ prompt, longhaul }) => [...prompt, longhaul === undefined])).toEqual(
      [512, 1024].flatMap((length) =>
        [0, 1, 0].flatMap((index) => [
          [length, index, true],
          [length, index, false],
        ]),
      ),
    );
    expect(journal.outcomes).toHaveLength(12);
    expect(journal.outcomes[1]).toMatchObject({
      ...{ policy: 'balanced', dense_below: 0, kv: 'bf16', task: 'one', length: 512, sample: 0, score: 1 },
      ...{ answer: 'yes', cut: false, density: { prefill: 0.5, decode: 0.25 }, recall: 0.9, breaches: 1 },
    });
    expect(server.stopped).toBe(1);
  });

  it('salts every question, so that no answer takes its prompt from the cache', async () => {
    const server = new SayingYes();
    await evaluate({ plan: PLAN, codec, journal: new Journal(null, {}), start: server.start, output });
    expect(new Set(server.asked.map(({ cache_salt }) => cache_salt)).size).toBe(server.asked.length);
  });

  it('asks only what the journal lacks, and starts nothing where it lacks nothing', async () => {
    const journal = new Journal(null, {});
    await evaluate({ plan: { ...PLAN, lengths: [512] }, codec, journal, start: new SayingYes().start, output });
    const server = new SayingYes();
    await evaluate({ plan: PLAN, codec, journal, start: server.start, output });
    expect(server.questions.map(({ prompt }) => prompt[0])).toEqual(Array.from({ length: 6 }, () => 1024));
    const idle = new SayingYes();
    await evaluate({ plan: PLAN, codec, journal, start: idle.start, output });
    expect(idle.started).toEqual([]);
  });

  it('starts one server for each KV type', async () => {
    const server = new SayingYes();
    await evaluate({
      plan: { ...PLAN, kvTypes: ['bf16', 'int8'] },
      codec,
      journal: new Journal(null, {}),
      start: server.start,
      output,
    });
    expect(server.started).toEqual(['bf16', 'int8']);
    expect(server.stopped).toBe(2);
  });

  const run = (server: SayingYes) =>
    evaluate({ plan: PLAN, codec, journal: new Journal(null, {}), start: server.start, output });

  it('ends before the first sample where a policy is not used as asked', async () => {
    const server = new SayingYes((_, usage) => ({ ...usage, longhaul: null }));
    await expect(run(server)).rejects.toThrow(
      '--policies: the server does not answer under balanced (dense below 0): ' +
        'balanced (dense below 0) was asked for, and the server answered with dense.',
    );
    expect(server.questions).toEqual([]);
    expect(server.stopped).toBe(1);
  });

  it('ends where dense was answered sparsely, and where a prompt came from the cache', async () => {
    const sparse = { policy: 'fast', density: { prefill: 0.5, decode: 1 } };
    await expect(run(new SayingYes((_, usage) => ({ ...usage, longhaul: sparse })))).rejects.toThrow(
      'dense was asked for, and the server answered with fast.',
    );
    const cached = (body: Body, usage: Usage): Usage =>
      body.prompt[1] === 1 ? { ...usage, prompt_tokens_details: { cached_tokens: 16 } } : usage;
    await expect(run(new SayingYes(cached))).rejects.toMatchObject({ reason: 'PREFIX_CACHED' });
  });
});
