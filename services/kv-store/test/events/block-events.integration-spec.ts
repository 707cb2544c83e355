import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KafkaBus } from '@longhaul/platform-kafka';
import { type KafkaBroker, kafkaOrSkip, seededRandom, startKafka } from '@longhaul/testing';
import { setTimeout as delay } from 'node:timers/promises';
import { type BlockEventSubscriber, eventTopics } from '@longhaul/kv-events';
import { agree, follower, quietLog, tellingStore, TOPICS, until } from './following.js';

/** How long the broker is away. A longer test sets more. */
const AWAY_MS = Number(process.env['LONGHAUL_KAFKA_AWAY_MS'] ?? 3_000);
const CHANGE_EVERY_MS = 10;
/** What is taken so long after the last commit is committed at once. */
const COMMITTED_AFTER_MS = 1_000;
/** At least: more than the hasty store's bound. */
const CHANGES = 200;

const available = kafkaOrSkip('Block events on Kafka');

(available ? describe : describe.skip)('block events on a broker', () => {
  let broker: KafkaBroker;
  const buses: KafkaBus[] = [];
  const open = (limits: { maxBufferedRecords?: number } = {}) => {
    const settings = { brokers: [broker.address], clientId: 'test', sessionTimeoutMs: 6_000, probeIntervalMs: 500 };
    const bus = new KafkaBus({ ...settings, ...limits }, quietLog);
    buses.push(bus);
    return bus;
  };

  beforeAll(async () => {
    broker = await startKafka();
  });
  afterAll(async () => {
    await Promise.all(buses.map((bus) => bus.close()));
    await broker.dispose();
  });

  it(
    'survive a broker that is killed under load: the store goes on, and everybody agrees in the end',
    async () => {
      const patient = tellingStore(open(), 'patient', 1n);
      const hasty = tellingStore(open({ maxBufferedRecords: 100 }), 'hasty', 2n, { maxQueuedEvents: 60 });
      const telling = [patient, hasty];
      const stores = telling.map(({ store }) => store);
      const one = follower(declaring(open()), 'one');
      const random = seededRandom(11);
      for (const { store } of telling) store.changeAtRandom(200, random);
      await until(
        () => agree([one], stores),
        () => JSON.stringify(summary(one)),
      );

      // A follower that has not committed its place in a partition begins at the end of it again after an outage.
      await delay(COMMITTED_AFTER_MS);
      for (const { store } of telling) store.changeAtRandom(1, random);
      await until(
        () => agree([one], stores),
        () => JSON.stringify(summary(one)),
      );

      const gapsOf = (name: string) => one.owners().find(({ owner }) => owner === name)?.counts.gaps ?? NaN;
      // At its start a follower may miss what came between its snapshot and its place in the topic.
      const before = { patient: gapsOf('patient'), hasty: gapsOf('hasty') };

      await broker.kill();
      const back = Date.now() + AWAY_MS;
      let changes = 0;
      while (Date.now() < back || changes < CHANGES) {
        for (const { store } of telling) store.changeAtRandom(1, random);
        changes += 1;
        await delay(CHANGE_EVERY_MS);
      }
      await broker.restart();
      for (const { store } of telling) store.changeAtRandom(50, random);
      await until(
        () => agree([one], stores),
        () => JSON.stringify(summary(one)),
      );

      const seen = new Map(one.owners().map((owner) => [owner.owner, owner.counts]));
      // Buffered: nothing lost, nothing applied twice. Dropped: a gap, and a snapshot instead.
      expect([...patient.observer.drops]).toEqual([]);
      expect(gapsOf('patient')).toBe(before.patient);
      expect(hasty.observer.drops.size).toBeGreaterThan(0);
      expect(gapsOf('hasty')).toBeGreaterThan(before.hasty);
      for (const { owner, place } of one.owners()) {
        const { applied = 0 } = seen.get(owner) ?? {};
        expect(BigInt(applied)).toBeLessThan(place?.next ?? 0n);
      }
      await Promise.all([...telling.map(({ events }) => events.close()), one.stop()]);
    },
    120_000 + AWAY_MS,
  );

  it('of several owners are shared by a group, and taken over when a member leaves', async () => {
    const bus = open();
    const telling = ['a', 'b', 'c', 'd', 'e', 'f'].map((owner, i) => tellingStore(bus, owner, BigInt(i + 10)));
    const stores = telling.map(({ store }) => store);
    const [one, two] = [follower(declaring(open()), 'group'), follower(declaring(open()), 'group')];
    stores.forEach((store, i) => store.changeAtRandom(100, seededRandom(i)));
    await until(
      () => agree([one, two], stores),
      () => JSON.stringify([summary(one), summary(two)]),
    );
    await two.stop();
    stores.forEach((store, i) => store.changeAtRandom(100, seededRandom(10 + i)));
    await until(
      () => agree([one], stores),
      () => JSON.stringify(summary(one)),
    );
    await Promise.all([...telling.map(({ events }) => events.close()), one.stop()]);
  });
});

/** A follower's bus declares what it reads, too. */
function declaring(bus: KafkaBus): KafkaBus {
  void bus.declareTopics(eventTopics(TOPICS));
  return bus;
}

function summary(subscriber: BlockEventSubscriber): unknown {
  const lines = subscriber.owners().map(({ owner, synced, place, counts, view }) => {
    return `${owner} ${synced} ${place?.epoch}/${place?.next} ${view.size} ${JSON.stringify(counts)}`;
  });
  return { lines, lag: subscriber.lagRecords };
}
