import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { InProcessBus } from '@longhaul/platform-kafka';
import { seededRandom } from '@longhaul/testing';
import { eventTopics, EVENTS_TOPIC, SNAPSHOT_TOPIC } from '@longhaul/kv-events';
import { agree, follower, quietLog, tellingStore, TOPICS, until } from './following.js';
import { blockKey } from './scripted-store.js';

describe('block events', () => {
  let bus: InProcessBus;
  beforeEach(async () => {
    bus = new InProcessBus({ log: quietLog });
    await bus.declareTopics(eventTopics(TOPICS));
  });
  afterEach(() => bus.close());

  /** Keys of the snapshot topic that are not removed. */
  async function liveKeys(): Promise<string[]> {
    const live = new Set<string>();
    await bus.readToEnd({
      topic: SNAPSHOT_TOPIC,
      handler: ({ key, value }) => {
        const name = Buffer.from(key).toString('hex');
        if (value === null) live.delete(name);
        else live.add(name);
      },
    });
    await delay(10);
    return [...live].sort();
  }

  it('bring a follower to the view of the store, from the first event or from the middle', async () => {
    const { store, events } = tellingStore(bus, 'store-0', 77n);
    const first = follower(bus, 'first');
    store.changeAtRandom(500, seededRandom(1));
    await until(() => agree([first], [store]));
    const late = follower(bus, 'late');
    store.changeAtRandom(500, seededRandom(2));
    await until(() => agree([first], [store]) && agree([late], [store]));
    await Promise.all([events.close(), first.stop(), late.stop()]);
  });

  it('reach a follower that comes when nothing happens any more', async () => {
    const { store, events } = tellingStore(bus, 'store-0', 77n);
    store.changeAtRandom(300, seededRandom(3));
    await until(() => events.queuedEvents() === 0);
    const late = follower(bus, 'late');
    await until(() => agree([late], [store]));
    await Promise.all([events.close(), late.stop()]);
  });

  it('are buffered while the bus is away, and then follow without a gap', async () => {
    const { store, events, observer } = tellingStore(bus, 'store-0', 77n);
    const following = follower(bus, 'g');
    store.changeAtRandom(50, seededRandom(4));
    await until(() => agree([following], [store]));
    bus.suspend();
    store.changeAtRandom(500, seededRandom(5));
    await until(() => events.queuedEvents() === 500);
    bus.resume();
    await until(() => agree([following], [store]));
    expect(following.owners()[0]?.counts.gaps).toBe(0);
    expect([...observer.drops]).toEqual([]);
    await Promise.all([events.close(), following.stop()]);
  });

  it('beyond the bound are dropped and counted, and followers resync even without a later event', async () => {
    const { store, events, observer } = tellingStore(bus, 'store-0', 77n, { maxQueuedEvents: 100 });
    const following = follower(bus, 'g');
    store.changeAtRandom(50, seededRandom(6));
    await until(() => agree([following], [store]));
    bus.suspend();
    store.changeAtRandom(400, seededRandom(7));
    expect(observer.drops.get('queue_full')).toBe(300);
    bus.resume();
    await until(() => agree([following], [store]));
    expect(following.owners()[0]?.counts.gaps).toBeGreaterThan(0);
    await Promise.all([events.close(), following.stop()]);
  });

  it('make followers forget a store that started anew, and its old blocks leave the snapshot topic', async () => {
    const before = tellingStore(bus, 'store-0', 1n);
    const following = follower(bus, 'g');
    before.store.changeAtRandom(300, seededRandom(8));
    await until(() => agree([following], [before.store]));
    await before.events.close();
    const after = tellingStore(bus, 'store-0', 2n);
    await until(() => agree([following], [after.store]));
    after.store.change({ kind: 'stored', block: 5, tier: 'disk' });
    await until(() => agree([following], [after.store]));
    const block = Buffer.from(blockKey(5)).toString('hex');
    let live = await liveKeys();
    for (let reads = 0; reads < 100 && live.length !== 2; reads += 1) live = await liveKeys();
    // The owner's own record, and the one block.
    expect(live).toEqual([expect.stringMatching(/^01/), expect.stringMatching(new RegExp(`^02.*${block}$`))]);
    await Promise.all([after.events.close(), following.stop()]);
  });

  it('carry salted keys and never tokens', async () => {
    const { store, events } = tellingStore(bus, 'store-0', 77n);
    store.change({ kind: 'stored', block: 3, tier: 'ram' });
    await until(() => events.queuedEvents() === 0);
    let bytes = 0;
    await bus.readToEnd({
      topic: EVENTS_TOPIC,
      handler: ({ value }) => void (bytes = Math.max(bytes, value?.length ?? 0)),
    });
    // Two keys and a namespace id of 32 bytes each, and numbers: nothing of the length of 16 tokens is left over.
    expect(bytes).toBeLessThan(3 * 32 + 48);
    await events.close();
  });

  it('of several owners are shared by the members of a group, and taken over when one leaves', async () => {
    const telling = ['a', 'b', 'c', 'd', 'e', 'f'].map((owner, i) => tellingStore(bus, owner, BigInt(i + 1)));
    const stores = telling.map(({ store }) => store);
    const [one, two] = [follower(bus, 'group'), follower(bus, 'group')];
    stores.forEach((store, i) => store.changeAtRandom(200, seededRandom(i)));
    await until(() => agree([one, two], stores));
    expect(one.owners().length + two.owners().length).toBe(stores.length);
    await two.stop();
    stores.forEach((store, i) => store.changeAtRandom(200, seededRandom(10 + i)));
    await until(() => agree([one], stores));
    await Promise.all([...telling.map(({ events }) => events.close()), one.stop()]);
  });
});
