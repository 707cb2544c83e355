import { describe, expect, it } from '@jest/globals';
import { KafkaBus } from '../src/index.js';
import { silentLog } from './support/silent-log.js';

const TOPIC = { name: 'away', partitions: 1, replication: 1, cleanup: 'compact', retentionMs: null } as const;

describe('a bus whose broker has never answered', () => {
  function open(): KafkaBus {
    const bus = new KafkaBus({ brokers: ['127.0.0.1:1'], clientId: 'test', closeTimeoutMs: 10 }, silentLog);
    bus.declareTopics([TOPIC]).catch(() => undefined);
    return bus;
  }
  const read = (bus: KafkaBus, signal?: AbortSignal) =>
    bus.readToEnd({ topic: TOPIC.name, handler: () => undefined, ...(signal ? { signal } : {}) });

  it('ends a read with its signal', async () => {
    const bus = open();
    const over = new AbortController();
    const reading = read(bus, over.signal);
    over.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
    await bus.close();
  });

  it('ends a read when it is closed, and closes', async () => {
    const bus = open();
    const reading = expect(read(bus)).rejects.toMatchObject({ reason: 'KAFKA_CLOSED' });
    await bus.close();
    await reading;
    expect(bus.connection().status).toBe('down');
  });
});
