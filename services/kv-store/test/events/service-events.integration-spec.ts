import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { KafkaBus } from '@longhaul/platform-kafka';
import { type KafkaBroker, kafkaOrSkip, startKafka } from '@longhaul/testing';
import {
  BlockEventSubscriber,
  CompactedSnapshots,
  eventTopics,
  type SnapshotSource,
  StoreSnapshots,
} from '@longhaul/kv-events';
import { chain, space } from '../core/store-fixture.js';
import { StoreUnderTest } from '../support/running-store.js';
import { CountingObserver, quietLog, TOPICS } from './following.js';
import { contents } from './scripted-store.js';

const available = kafkaOrSkip('Block events of the service');
const { namespace } = space();
const LIMIT_MS = 45_000;

(available ? describe : describe.skip)('the service with a broker', () => {
  let broker: KafkaBroker;
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-events-'));
  const closing: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    broker = await startKafka();
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  afterAll(async () => {
    await broker.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(name: string, ...flags: string[]): Promise<StoreUnderTest> {
    const topics = [
      '--event-partitions',
      String(TOPICS.partitions),
      '--event-retention-ms',
      String(TOPICS.retentionMs),
    ];
    const events = ['--kafka-brokers', broker.address, '--instance', name, '--event-heartbeat-ms', '200', ...topics];
    const store = await StoreUnderTest.start(...events, ...flags);
    closing.push(() => store.close());
    await store.greet(namespace);
    return store;
  }

  function openBus(): KafkaBus {
    const settings = { brokers: [broker.address], clientId: 'follower', sessionTimeoutMs: 6_000, probeIntervalMs: 500 };
    const bus = new KafkaBus(settings, quietLog);
    closing.push(() => bus.close());
    return bus;
  }

  function follow(group: string, sourceOf: (bus: KafkaBus) => SnapshotSource): BlockEventSubscriber {
    const bus = openBus();
    void bus.declareTopics(eventTopics(TOPICS));
    const observer = new CountingObserver();
    const options = { bus, group, source: sourceOf(bus), maxHeldBatches: 1_000, observer, log: quietLog };
    const subscriber = new BlockEventSubscriber(options);
    closing.push(() => subscriber.stop());
    return subscriber;
  }

  /** Followers of both kinds; `current` is the store that the second kind asks. */
  function followers(name: string, current: () => StoreUnderTest): BlockEventSubscriber[] {
    const storeOf = (owner: string) => (owner === name ? current().client : undefined);
    return [
      follow(`${name} by topic`, (bus) => new CompactedSnapshots(bus)),
      follow(`${name} by store`, () => new StoreSnapshots({ storeOf, namespaces: [namespace], workerId: 'follower' })),
    ];
  }

  async function agrees(follower: BlockEventSubscriber, store: StoreUnderTest): Promise<boolean> {
    const { view, next, epoch } = await store.view(namespace);
    const seen = seenOf(follower, store);
    if (!seen?.synced || seen.place?.epoch !== epoch || seen.place.next !== next) return false;
    return contents(seen.view).join() === contents(view).join();
  }

  async function untilAgreed(all: readonly BlockEventSubscriber[], store: StoreUnderTest): Promise<void> {
    for (const follower of all) {
      await until(
        () => agrees(follower, store),
        async () => `${summary(follower)}; store: ${JSON.stringify(contents((await store.view(namespace)).view))}`,
      );
    }
  }

  it('tells every put, eviction and restart: followers see what the store has', async () => {
    let store = await start('store-1', '--kv-dir', join(folder, 'one'));
    const all = followers('store-1', () => store);
    const [first, second] = [chain(6), chain(5, { seed: 1 })];
    await store.put(namespace, first);
    await untilAgreed(all, store);
    expect((await store.view(namespace)).view.size).toBe(6);
    await store.evict(namespace, first.slice(3));
    await store.put(namespace, second);
    await untilAgreed(all, store);
    expect((await store.view(namespace)).view.size).toBe(8);
    const { metric, checks } = await store.observed();
    expect(checks['kafka']?.up).toBe(true);
    expect(metric('longhaul_kafka_up')).toBe(1);
    expect(metric('longhaul_kv_events_published_total')).toBeGreaterThanOrEqual(11);

    const { epoch } = await store.view(namespace);
    await store.close();
    store = await start('store-1', '--kv-dir', join(folder, 'one'));
    await untilAgreed(all, store);
    const after = await store.view(namespace);
    expect(after.epoch).not.toBe(epoch);
    expect(after.view.size).toBe(8);
  });

  it('serves while the broker is dead, says so, and followers resync afterwards', async () => {
    const store = await start('store-2', '--event-queue', '20');
    const all = followers('store-2', () => store);
    const kept = chain(4, { seed: 2 });
    await store.put(namespace, kept);
    await untilAgreed(all, store);

    const before = all.map((follower) => seenOf(follower, store)?.counts.gaps ?? NaN);
    await broker.kill();
    let rounds = 0;
    const untold = async () => JSON.stringify((await store.observed()).checks);
    const told = async () => {
      const { checks, metric } = await store.observed();
      return checks['kafka']?.up === false && metric('longhaul_kv_events_dropped_total') > 0;
    };
    await until(async () => {
      const fresh = chain(2, { seed: 100 + rounds });
      await store.put(namespace, fresh);
      for (const samples of [kept, fresh]) expect((await store.get(namespace, samples)).faithful).toBe(true);
      rounds += 1;
      return rounds >= 20 && (await told());
    }, untold);
    const { ready, checks, metric } = await store.observed();
    expect(ready).toBe(true);
    expect(checks['kafka']?.reason).not.toBe('');
    expect(metric('longhaul_kafka_up')).toBe(0);
    expect(metric('longhaul_kv_bound_used', 'bound="event_queue"')).toBeLessThanOrEqual(20);

    await broker.restart();
    await untilAgreed(all, store);
    all.forEach((follower, i) => expect(seenOf(follower, store)?.counts.gaps).toBeGreaterThan(before[i] ?? NaN));
    await until(async () => (await store.observed()).checks['kafka']?.up === true, untold);
  }, 120_000);

  it('starts and ends without a broker', async () => {
    await broker.kill();
    const store = await start('store-3');
    const samples = chain(2, { seed: 3 });
    await store.put(namespace, samples);
    expect((await store.get(namespace, samples)).faithful).toBe(true);
    expect((await store.observed()).checks['kafka']?.up).toBe(false);
  });
});

function seenOf(follower: BlockEventSubscriber, store: StoreUnderTest) {
  return follower.owners().find(({ owner }) => owner === store.service.owner);
}

function summary(follower: BlockEventSubscriber): string {
  return follower
    .owners()
    .map(({ owner, synced, place, counts, view }) => {
      return `${owner} ${synced} ${place?.epoch}/${place?.next} ${JSON.stringify(counts)} ${JSON.stringify(contents(view))}`;
    })
    .join('; ');
}

async function until(holds: () => Promise<boolean>, seen: () => Promise<string>): Promise<void> {
  const deadline = Date.now() + LIMIT_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`did not come to hold: ${await seen()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
