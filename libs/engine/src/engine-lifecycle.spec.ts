import { describe, expect, it } from '@jest/globals';
import type { GenerationEvent } from '@longhaul/inference';
import type { EngineObserver } from './observer.js';
import { collect, expectedTokens, harness, leaks, prompt, request } from './testing/fixtures.js';

/** A gate that holds the runner's steps until it is opened. */
function gate(): { wait: () => Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { wait: () => opened, open: () => open() };
}

const reason = (value: string) => expect.objectContaining({ reason: value });

/** Lets everything that is ready run. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('cancellation', () => {
  it('in the middle of a step frees everything at once and leaves the others alone', async () => {
    const { engine, runner } = harness();
    const controller = new AbortController();
    const stays = request({ promptTokenIds: prompt(40, 1) });
    const goes = request({ promptTokenIds: prompt(40, 2), n: 2 });
    const held = gate();
    runner.beforeStep = (_, index) => (index === 3 ? held.wait() : undefined);
    const kept = collect(engine.submit(stays));
    const cancelled = collect(engine.submit(goes, controller.signal));
    await settle();
    controller.abort();
    const { running } = engine.snapshot();
    expect(running.map(({ requestId }) => requestId)).toEqual([stays.requestId]);
    expect(leaks(engine)).toEqual([expect.stringMatching(/^3 pages are still held$/)]);
    await expect(cancelled).rejects.toEqual(reason('CANCELLED'));
    held.open();
    expect((await kept).choices[0]?.tokens).toEqual(expectedTokens(stays));
    expect(leaks(engine)).toEqual([]);
  });

  it('follows from ending the iteration early', async () => {
    const { engine } = harness();
    for await (const event of engine.submit(request({ maxTokens: 1000 }))) if (event.kind === 'delta') break;
    await engine.drain();
    expect(leaks(engine)).toEqual([]);
  });

  it('before submission is a refusal', async () => {
    const { engine } = harness();
    await expect(collect(engine.submit(request(), AbortSignal.abort()))).rejects.toEqual(reason('CANCELLED'));
  });

  it('of a waiting request leaves the queue', async () => {
    const { engine, runner } = harness({ maxSequences: 1 });
    const held = gate();
    runner.beforeStep = () => held.wait();
    const first = collect(engine.submit(request()));
    await settle();
    const controller = new AbortController();
    const second = collect(engine.submit(request(), controller.signal));
    expect(engine.load()).toMatchObject({ running: 1, waiting: 1 });
    controller.abort();
    await expect(second).rejects.toEqual(reason('CANCELLED'));
    expect(engine.load().waiting).toBe(0);
    held.open();
    await first;
  });
});

describe('a bound', () => {
  it('on waiting requests refuses with a hint when to try again', async () => {
    const { engine, runner } = harness({ maxSequences: 1, maxWaiting: 2 });
    const held = gate();
    runner.beforeStep = () => held.wait();
    const running = collect(engine.submit(request()));
    await settle();
    const waiting = [1, 2].map(() => collect(engine.submit(request())));
    await expect(collect(engine.submit(request()))).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'QUEUE_FULL',
      retry: 'same',
      details: { waiting: 2, maxWaiting: 2, retryAfterMs: expect.any(Number) },
    });
    held.open();
    await Promise.all([running, ...waiting]);
    expect(leaks(engine)).toEqual([]);
  });

  it('on waiting prompt tokens lets a single long prompt wait', async () => {
    const { engine, runner } = harness({ maxSequences: 1, maxWaitingTokens: 100 });
    const held = gate();
    runner.beforeStep = () => held.wait();
    const running = collect(engine.submit(request()));
    await settle();
    const long = collect(engine.submit(request({ promptTokenIds: prompt(500, 1) })));
    await expect(collect(engine.submit(request()))).rejects.toEqual(reason('QUEUE_FULL'));
    held.open();
    await Promise.all([running, long]);
  });

  it('on KV pages refuses what can never fit, with numbers', async () => {
    const { engine } = harness({ pages: 4 });
    const most = request({ promptTokenIds: prompt(30, 1), maxTokens: 35 });
    expect((await collect(engine.submit(most))).choices[0]?.tokens).toEqual(expectedTokens(most));
    await expect(
      collect(engine.submit(request({ promptTokenIds: prompt(30, 1), maxTokens: 36 }))),
    ).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'KV_CAPACITY_EXCEEDED',
      details: { neededTokens: 65, capacityTokens: 64 },
    });
  });

  it('on choices follows from maxSequences', async () => {
    const { engine } = harness({ maxSequences: 2 });
    await expect(collect(engine.submit(request({ n: 3 })))).rejects.toMatchObject({ field: 'n' });
  });

  it('that makes no sense is named at construction', () => {
    expect(() => harness({ pages: 0 })).toThrow(/limits.pages/);
    expect(() => harness({ maxBatchedTokens: 32, maxSequences: 32 })).toThrow(/limits.maxBatchedTokens/);
  });
});

describe('a request id', () => {
  it('is refused while a request with it is in flight, and free afterwards', async () => {
    const { engine } = harness();
    const first = collect(engine.submit(request({ requestId: 'same' })));
    await expect(collect(engine.submit(request({ requestId: 'same' })))).rejects.toEqual(reason('REQUEST_ID_IN_USE'));
    await first;
    await collect(engine.submit(request({ requestId: 'same' })));
  });
});

describe('time', () => {
  it('ends a running and a waiting request at their deadlines', async () => {
    let now = 1000;
    const clock = { wallMs: () => now, monotonicMs: () => now };
    const { engine, runner } = harness({ maxSequences: 1 }, { clock });
    runner.beforeStep = () => {
      now += 10;
    };
    const running = collect(engine.submit(request({ maxTokens: 500, deadlineMs: 1200 })));
    const waiting = collect(engine.submit(request({ deadlineMs: 1100 })));
    const patient = request();
    const last = collect(engine.submit(patient));
    await expect(waiting).rejects.toEqual(reason('DEADLINE_EXCEEDED'));
    await expect(running).rejects.toEqual(reason('DEADLINE_EXCEEDED'));
    expect((await last).choices[0]?.tokens).toEqual(expectedTokens(patient));
    expect(leaks(engine)).toEqual([]);
  });

  it('ends a request whose consumer does not read, and no other', async () => {
    let now = 0;
    const clock = { wallMs: () => now, monotonicMs: () => now };
    const { engine, runner } = harness({ stallTimeoutMs: 100 }, { clock });
    runner.beforeStep = () => {
      now += 10;
    };
    const stream = engine.submit(request({ maxTokens: 200 }))[Symbol.asyncIterator]();
    await stream.next();
    const reader = await collect(engine.submit(request({ maxTokens: 40 })));
    expect(reader.choices[0]?.tokens.length).toBe(40);
    await expect(stream.next()).rejects.toMatchObject({ reason: 'CONSUMER_STALLED', details: { stallTimeoutMs: 100 } });
  });

  it('is reported: waiting, prefill, decode, and the time between tokens', async () => {
    let now = 0;
    const clock = { wallMs: () => now, monotonicMs: () => now };
    const seen: [string, number][] = [];
    const observer: EngineObserver = {
      admitted: ({ queueMs }) => void seen.push(['queue', queueMs]),
      firstToken: ({ ttftMs }) => void seen.push(['first', ttftMs]),
      interToken: ({ itlMs }) => void seen.push(['next', itlMs]),
      finished: ({ totalMs, reasons }) => void seen.push([`finished ${reasons.join()}`, totalMs]),
    };
    const { engine, runner } = harness({}, { clock, observer });
    runner.beforeStep = () => {
      now += 10;
    };
    const { done } = await collect(engine.submit(request({ maxTokens: 3 })));
    expect(done?.timings).toEqual({ queueMs: 0, prefillMs: 10, decodeMs: 20 });
    expect(seen).toEqual([
      ['queue', 0],
      ['first', 10],
      ['next', 10],
      ['next', 10],
      ['finished length', 30],
    ]);
  });
});

describe('a slow consumer', () => {
  it('gets the same answer in few large events', async () => {
    const { engine } = harness();
    const asked = request({ maxTokens: 300, logprobs: 0 });
    const stream = engine.submit(asked);
    await engine.drain();
    const events: GenerationEvent[] = [];
    for await (const event of stream) events.push(event);
    expect(events.map(({ kind }) => kind)).toEqual(['prompt', 'delta', 'finished', 'done']);
    expect(events[1]).toMatchObject({ tokenIds: expectedTokens(asked), logprobs: { length: 300 } });
  });
});

describe('the end of service', () => {
  it('drain refuses new requests and lets the others finish', async () => {
    const { engine } = harness();
    const asked = request();
    const running = collect(engine.submit(asked));
    const drained = engine.drain();
    expect(engine.load().ready).toBe(false);
    await expect(collect(engine.submit(request()))).rejects.toEqual(reason('ENGINE_DRAINING'));
    await drained;
    expect((await running).choices[0]?.tokens).toEqual(expectedTokens(asked));
  });

  it('close ends all requests and waits for the step in flight', async () => {
    const { engine, runner } = harness();
    const held = gate();
    runner.beforeStep = () => held.wait();
    const running = collect(engine.submit(request()));
    await settle();
    const closed = engine.close();
    await expect(running).rejects.toEqual(reason('ENGINE_CLOSED'));
    held.open();
    await closed;
    await expect(collect(engine.submit(request()))).rejects.toEqual(reason('ENGINE_CLOSED'));
    expect(leaks(engine)).toEqual([]);
  });
});
