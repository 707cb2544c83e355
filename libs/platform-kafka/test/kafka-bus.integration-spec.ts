import { describe, it } from '@jest/globals';
import { kafkaOrSkip, startKafka } from '@longhaul/testing';
import { KafkaBus } from '../src/index.js';
import { eventBusContract, SMALL_BUFFER } from './support/event-bus-contract.js';
import { silentLog } from './support/silent-log.js';

if (kafkaOrSkip('The event bus on Kafka')) {
  eventBusContract('Apache Kafka', async () => {
    const broker = await startKafka();
    const opened: KafkaBus[] = [];
    const settings = { brokers: [broker.address], clientId: 'contract', sessionTimeoutMs: 6_000, probeIntervalMs: 500 };
    return {
      open: (topics) => {
        const bus = new KafkaBus({ ...settings, ...SMALL_BUFFER }, silentLog);
        opened.push(bus);
        // The topics are known to the bus at once; that they are there it finds out in its own time.
        if (topics.length > 0) void bus.declareTopics(topics);
        return bus;
      },
      interrupt: () => broker.kill(),
      recover: () => broker.restart(),
      close: async () => {
        await Promise.all(opened.map((bus) => bus.close()));
        await broker.dispose();
      },
    };
  });
} else {
  describe.skip('an event bus, Apache Kafka', () => {
    it('needs a broker', () => undefined);
  });
}
