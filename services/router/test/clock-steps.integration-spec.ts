import { credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from '@jest/globals';
import { inferenceV1 } from '@longhaul/contracts';
import { AppError, monotonicMs } from '@longhaul/kernel';
import { callServerStream } from '@longhaul/platform-grpc';
import { eventually, openRaw } from './support/raw-http.js';
import { startRouter, type RunningRouter } from './support/start-router.js';
import { stepWallClock } from './support/wall-clock.js';

const YEAR_MS = 365 * 86_400_000;
const STEPS: [string, number][] = [
  ['a year ahead', YEAR_MS],
  ['a year back', -YEAR_MS],
];

let running: RunningRouter;
let restore = () => undefined as void;
afterEach(async () => {
  restore();
  await running.server.close();
});

function completion(fields: object): Promise<Response> {
  return fetch(`${running.server.url}/v1/completions`, {
    method: 'POST',
    body: JSON.stringify({ prompt: 'x', max_tokens: 20, ...fields }),
    headers: { 'content-type': 'application/json' },
  });
}

describe.each(STEPS)('a wall clock that steps %s during a request', (_, stepMs) => {
  it('ends no answer, whole or streamed', async () => {
    running = await startRouter({ requestTimeoutMs: 60_000 });
    running.backend.script.tokenMs = 10;
    for (const stream of [false, true]) {
      const answer = completion({ stream });
      await eventually(() => running.backend.running === 1);
      restore = stepWallClock(stepMs);
      const response = await answer;
      expect(response.status).toBe(200);
      if (stream) expect(await response.text()).toContain('[DONE]');
      restore();
      await eventually(() => running.backend.running === 0);
    }
  });

  it('ends none that begins after the step, and hands on what is left', async () => {
    running = await startRouter({ requestTimeoutMs: 60_000 });
    restore = stepWallClock(stepMs);
    expect((await completion({})).status).toBe(200);
    const leftMs = (running.backend.requests[0]?.deadlineMs ?? 0) - monotonicMs();
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(60_000);
  });

  it('does not keep a deadline from passing', async () => {
    running = await startRouter({ requestTimeoutMs: 150 });
    running.backend.script.tokenMs = 5;
    const answer = completion({ max_tokens: 4000 });
    await eventually(() => running.backend.running === 1);
    restore = stepWallClock(stepMs);
    expect((await answer).status).toBe(504);
    await eventually(() => running.server.held().requests === 0);
  });

  it('neither ends nor keeps a body that is arriving', async () => {
    running = await startRouter({ bodyIdleTimeoutMs: 300 });
    const body = JSON.stringify({ prompt: 'x', max_tokens: 1 });
    const head = `POST /v1/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const [good, idle] = [openRaw(running.server.httpPort), openRaw(running.server.httpPort)];
    for (const raw of [good, idle]) raw.send(`${head}{`);
    await eventually(() => running.server.arriving().requests === 2);
    restore = stepWallClock(stepMs);
    good.send(body.slice(1));
    expect(await good.closed).toMatch(/^HTTP\/1\.1 200 /);
    expect(await idle.closed).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('ends no gRPC call, and keeps none from its deadline', async () => {
    running = await startRouter();
    running.backend.script.tokenMs = 5;
    const address = `127.0.0.1:${running.server.grpcPort}`;
    const client = new inferenceV1.InferenceServiceClient(address, credentials.createInsecure());
    const ask = async (maxTokens: number, timeoutMs: number): Promise<string> => {
      const request = inferenceV1.GenerateRequest.create({ input: { $case: 'prompt', value: 'x' }, maxTokens });
      const open = callServerStream((metadata, options) => client.generate(request, metadata, options), { timeoutMs });
      try {
        for await (const _ of open);
        return 'OK';
      } catch (error) {
        return AppError.from(error).reason;
      }
    };
    expect(await ask(1, 60_000)).toBe('OK');
    const calls = [ask(40, 60_000), ask(4000, 400)];
    await eventually(() => running.backend.running === 2);
    restore = stepWallClock(stepMs);
    expect(await Promise.all(calls)).toEqual(['OK', 'DEADLINE_EXCEEDED']);
    client.close();
  });

  it('does not change how long a drain waits', async () => {
    running = await startRouter({ drainTimeoutMs: 60_000 });
    running.backend.script.tokenMs = 10;
    const answer = completion({});
    await eventually(() => running.backend.running === 1);
    restore = stepWallClock(stepMs);
    const closing = running.server.close();
    expect((await answer).status).toBe(200);
    await closing;
  });
});
