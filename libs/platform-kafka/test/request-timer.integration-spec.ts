import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createServer, type Server } from 'node:net';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaBus } from '../src/index.js';
import { silentLog } from './support/silent-log.js';
import { until } from './support/until.js';

const TOPIC = { name: 'away', partitions: 1, replication: 1, cleanup: 'delete', retentionMs: 1000 } as const;

/** As the client makes one per broker. */
interface Queue {
  pending: unknown[];
  throttledUntil: number;
  checkPendingRequests(): void;
  maybeThrottle(ms: number): void;
  canSendSocketRequestImmediately(): boolean;
  scheduleCheckPendingRequests(): void;
  destroy(): void;
}
const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as new (
  options: object,
) => Queue;

describe('the timers of the Kafka client', () => {
  const warnings: string[] = [];
  const warn = (warning: Error) => warnings.push(`${warning.name}: ${warning.message}`);
  let timers: jest.SpiedFunction<typeof setTimeout>;

  beforeEach(() => {
    warnings.length = 0;
    process.on('warning', warn);
    timers = jest.spyOn(globalThis, 'setTimeout');
  });
  afterEach(() => {
    process.off('warning', warn);
    timers.mockRestore();
  });

  const delays = () => timers.mock.calls.map(([, delay]) => Number(delay));
  const queue = () => new RequestQueue({ logger: { debug: () => undefined }, broker: 'x', clientId: 'x' });

  it('are none while no request waits', () => {
    const idle = queue();
    for (let i = 0; i < 5; i++) idle.checkPendingRequests();
    expect(delays()).toEqual([]);
  });

  it('are one, as long as the broker wants it, while requests wait', () => {
    const throttled = queue();
    throttled.maybeThrottle(60_000);
    expect(throttled.canSendSocketRequestImmediately()).toBe(false);
    throttled.pending.push({});
    for (let i = 0; i < 5; i++) throttled.scheduleCheckPendingRequests();
    expect(delays()).toHaveLength(1);
    expect(delays()[0]).toBeGreaterThan(59_000);
    throttled.destroy();
  });

  it('do not depend on what the clock of the machine says', () => {
    const throttled = queue();
    throttled.maybeThrottle(60_000);
    const clock = jest.spyOn(Date, 'now').mockReturnValue(8e12);
    expect(throttled.canSendSocketRequestImmediately()).toBe(false);
    clock.mockReturnValue(0);
    expect(queue().canSendSocketRequestImmediately()).toBe(true);
    clock.mockRestore();
  });

  it.each<[string, (server: Server) => void]>([
    ['is not there', (server) => server.close()],
    ['hangs up', (server) => server.on('connection', (socket) => socket.destroy())],
    [
      'answers nonsense',
      (server) =>
        server.on('connection', (socket) => {
          socket.on('error', () => undefined);
          socket.on('data', () => socket.write(Buffer.from([0, 0, 0, 6, 0, 0, 0, 0, 0, 35])));
        }),
    ],
  ])('neither spin nor make the runtime warn while a broker %s', async (_what, behave) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    behave(server);
    const bus = new KafkaBus({ brokers: [`127.0.0.1:${port}`], clientId: 'test', closeTimeoutMs: 10 }, silentLog);
    bus.declareTopics([TOPIC]).catch(() => undefined);
    const before = performance.now();
    await until(() => bus.connection().status === 'down' && performance.now() - before > 500);
    await bus.close();
    server.close();
    await sleep(0);
    expect(warnings).toEqual([]);
    expect(delays().filter((delay) => !(delay >= 1))).toEqual([]);
    // A timer of one millisecond that renews itself would be some hundred by now.
    expect(delays().filter((delay) => delay <= 1).length).toBeLessThan(20);
  });
});
