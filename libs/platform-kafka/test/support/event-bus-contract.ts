import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { EventBus, EventRecord, ReceivedEvent, Subscription, TopicDeclaration } from '../../src/index.js';
import { until } from './until.js';

/** What the contract needs of an adapter under test. */
export interface BusUnderTest {
  /** Another bus that has declared these topics; where there is only one, that one. */
  open(topics: readonly TopicDeclaration[]): EventBus;
  /** Makes whatever takes records go away. */
  interrupt(): Promise<void>;
  recover(): Promise<void>;
  close(): Promise<void>;
}

/** The buses under test are opened with these bounds. */
export const SMALL_BUFFER = { maxBufferedRecords: 200, maxBufferedBytes: 200_000, maxRecordBytes: 20_000 };

/** What every event bus keeps. One suite, run on each adapter. */
export function eventBusContract(name: string, start: () => Promise<BusUnderTest>): void {
  describe(`an event bus, ${name}`, () => {
    let under: BusUnderTest;
    let bus: EventBus;

    beforeAll(async () => {
      under = await start();
      bus = under.open([]);
    });
    afterAll(async () => {
      await under.close();
    });

    async function topic(settings: Partial<TopicDeclaration> = {}): Promise<TopicDeclaration> {
      const declaration: TopicDeclaration = {
        name: `contract.${randomUUID()}`,
        partitions: 4,
        replication: 1,
        cleanup: 'delete',
        retentionMs: 3_600_000,
        ...settings,
      };
      await bus.declareTopics([declaration]);
      return declaration;
    }

    it('hands over key, value and headers byte for byte', async () => {
      const { name } = await topic();
      const every = Uint8Array.from({ length: 256 }, (_, i) => i);
      await bus.publish(name, { key: every, value: every.slice().reverse(), headers: { h: every.subarray(7) } });
      const [event] = await readAll(bus, name);
      expect(Buffer.from(event?.key ?? [])).toEqual(Buffer.from(every));
      expect(Buffer.from(event?.value ?? [])).toEqual(Buffer.from(every.slice().reverse()));
      expect(Buffer.from(event?.headers['h'] ?? [])).toEqual(Buffer.from(every.subarray(7)));
    });

    it('keeps the order of publishing for each key', async () => {
      const { name } = await topic();
      const seen = collector();
      const subscription = bus.subscribe({ ...seen, group: randomUUID(), topic: name, from: 'earliest' });
      const sent = Array.from({ length: 120 }, (_, i) => record(`key-${i % 5}`, String(i)));
      await Promise.all(sent.map((each) => bus.publish(name, each)));
      await until(() => seen.events.length >= sent.length);
      await subscription.stop();
      for (let key = 0; key < 5; key += 1) {
        const values = seen.events
          .filter((event) => text(event.key) === `key-${key}`)
          .map((event) => text(event.value));
        expect(values).toEqual(Array.from({ length: 24 }, (_, i) => String(i * 5 + key)));
      }
    });

    it('puts equal partition keys into one partition, in every topic with as many partitions', async () => {
      const [first, second] = [await topic(), await topic()];
      const places = new Map<string, Set<number>>();
      for (const { name } of [first, second]) {
        for (let i = 0; i < 12; i += 1) {
          await bus.publish(name, { ...record(`k${i}`, ''), partitionKey: Buffer.from(`owner-${i % 3}`) });
        }
        for (const { key, partition } of await readAll(bus, name)) {
          const owner = `owner-${Number(text(key).slice(1)) % 3}`;
          places.set(owner, (places.get(owner) ?? new Set()).add(partition));
        }
      }
      expect([...places.values()].map((partitions) => partitions.size)).toEqual([1, 1, 1]);
    });

    it('hands a record over again when its handler failed, before any later one', async () => {
      const { name } = await topic({ partitions: 1 });
      const tries: string[] = [];
      const handler = async (event: ReceivedEvent) => {
        tries.push(text(event.value));
        if (text(event.value) === 'b' && tries.length < 4) throw new Error('not yet');
      };
      const subscription = bus.subscribe({ handler, group: randomUUID(), topic: name, from: 'earliest' });
      for (const value of ['a', 'b', 'c']) await bus.publish(name, record('k', value));
      await until(() => tries.includes('c'));
      await subscription.stop();
      expect(tries).toEqual(['a', 'b', 'b', 'b', 'c']);
    });

    it('shows the record that a handler fails on, and how far it is behind', async () => {
      const { name } = await topic({ partitions: 1 });
      let healed = false;
      const handler = async () => {
        if (!healed) throw new Error('not yet');
      };
      const subscription = bus.subscribe({ handler, group: randomUUID(), topic: name, from: 'earliest' });
      await bus.publish(name, record('k', 'v'));
      await until(() => subscription.state().failing !== null);
      expect(subscription.state().failing).toMatchObject({ partition: 0, offset: 0n });
      healed = true;
      await until(() => subscription.state().failing === null);
      expect(subscription.state().lagRecords).toBe(0);
      await subscription.stop();
    });

    it('goes on after the last handled record when a group comes back', async () => {
      const declared = await topic({ partitions: 1 });
      const { name } = declared;
      const group = randomUUID();
      const before = collector();
      const first = under.open([declared]).subscribe({ ...before, group, topic: name, from: 'earliest' });
      for (const value of ['a', 'b']) await bus.publish(name, record('k', value));
      await until(() => before.events.length === 2);
      await first.stop();
      await bus.publish(name, record('k', 'c'));
      const after = collector();
      const second = under.open([declared]).subscribe({ ...after, group, topic: name, from: 'earliest' });
      await until(() => after.events.length > 0);
      await second.stop();
      expect(after.events.map((event) => text(event.value))).toEqual(['c']);
    });

    it('shares the partitions among the members of a group, and gives them back when one leaves', async () => {
      const declared = await topic();
      const { name } = declared;
      const group = randomUUID();
      const [one, two] = [collector(), collector()];
      const first = under.open([declared]).subscribe({ ...one, group, topic: name, from: 'earliest' });
      await first.ready;
      const second = under.open([declared]).subscribe({ ...two, group, topic: name, from: 'earliest' });
      await until(() => one.partitions.length === 2 && two.partitions.length === 2);
      expect([...one.partitions, ...two.partitions].sort()).toEqual([0, 1, 2, 3]);
      const sent = Array.from({ length: 40 }, (_, i) => record(`key-${i}`, String(i)));
      await Promise.all(sent.map((each) => bus.publish(name, each)));
      await until(() => one.events.length + two.events.length >= sent.length);
      expect(one.events.length).toBeGreaterThan(0);
      expect(two.events.length).toBeGreaterThan(0);
      const values = new Set([...one.events, ...two.events].map((event) => text(event.value)));
      expect(values.size).toBe(sent.length);
      await second.stop();
      await until(() => one.partitions.length === 4);
      await first.stop();
    });

    it('gives every group all records', async () => {
      const declared = await topic();
      const { name } = declared;
      const seen = [collector(), collector()];
      const subscriptions = seen.map((each) =>
        under.open([declared]).subscribe({ ...each, group: randomUUID(), topic: name, from: 'earliest' }),
      );
      for (let i = 0; i < 20; i += 1) await bus.publish(name, record(`key-${i}`, String(i)));
      await until(() => seen.every(({ events }) => events.length >= 20));
      await Promise.all(subscriptions.map((subscription) => subscription.stop()));
      for (const { events } of seen) expect(new Set(events.map((event) => text(event.value))).size).toBe(20);
    });

    it('hands over no record before the assignment was taken, and tells it again when that failed', async () => {
      const { name } = await topic({ partitions: 1 });
      await bus.publish(name, record('k', 'v'));
      const order: string[] = [];
      const subscription = bus.subscribe({
        group: randomUUID(),
        topic: name,
        from: 'earliest',
        onAssignment: async (partitions) => {
          order.push(`assigned ${partitions.join()}`);
          await new Promise((resolve) => setTimeout(resolve, 20));
          if (order.length === 1) throw new Error('not yet');
        },
        handler: async () => void order.push('record'),
      });
      await until(() => order.includes('record'));
      await subscription.stop();
      expect(order).toEqual(['assigned 0', 'assigned 0', 'record']);
    });

    it('reads a compacted topic to its end, so that the last record of a key holds', async () => {
      const { name } = await topic({ cleanup: 'compact', retentionMs: null });
      for (let i = 0; i < 30; i += 1) await bus.publish(name, record(`key-${i % 3}`, String(i)));
      await bus.publish(name, { key: Buffer.from('key-1'), value: null });
      const state = new Map(
        (await readAll(bus, name)).map((event) => [text(event.key), event.value && text(event.value)]),
      );
      expect(state).toEqual(
        new Map([
          ['key-0', '27'],
          ['key-1', null],
          ['key-2', '29'],
        ]),
      );
    });

    it('reads only the partitions asked for, and an empty topic at once', async () => {
      const { name } = await topic();
      expect(await readAll(bus, name)).toEqual([]);
      for (let i = 0; i < 20; i += 1) await bus.publish(name, record(`key-${i}`, String(i)));
      const all = await readAll(bus, name);
      const some = await readAll(bus, name, [0, 2]);
      expect(some.length).toBe(all.filter(({ partition }) => partition % 2 === 0).length);
      expect(all.length).toBe(20);
    });

    it('refuses topics that were not declared, or are there with other settings', async () => {
      await expect(bus.publish('contract.unknown', record('k', 'v'))).rejects.toMatchObject({
        reason: 'KAFKA_TOPIC_UNDECLARED',
      });
      const declared = await topic();
      const other: TopicDeclaration = { ...declared, partitions: 5, cleanup: 'compact' };
      await expect(bus.declareTopics([other])).rejects.toMatchObject({
        reason: 'KAFKA_TOPIC_MISMATCH',
        message: expect.stringMatching(/partitions 4 instead of 5.*cleanup\.policy delete instead of compact/),
      });
      await expect(bus.declareTopics([other], { onMismatch: 'warn' })).resolves.toBeUndefined();
    });

    it('refuses a record that is too large', async () => {
      const { name } = await topic();
      const large = { key: new Uint8Array(), value: new Uint8Array(SMALL_BUFFER.maxRecordBytes) };
      await expect(bus.publish(name, large)).rejects.toMatchObject({ reason: 'KAFKA_RECORD_TOO_LARGE' });
    });

    it('buffers up to its bound while nobody takes records, then refuses, and delivers the buffered afterwards', async () => {
      const { name } = await topic();
      expect(bus.connection().status).toBe('up');
      await under.interrupt();
      const limit = SMALL_BUFFER.maxBufferedRecords;
      const buffered = Array.from({ length: limit }, (_, i) => bus.publish(name, record(`key-${i % 7}`, String(i))));
      await expect(bus.publish(name, record('k', 'one too many'))).rejects.toMatchObject({
        reason: 'KAFKA_BUFFER_FULL',
      });
      expect(bus.buffer()).toMatchObject({ records: limit, limitRecords: limit });
      await until(() => bus.connection().status === 'down');
      expect(bus.connection().reason).not.toBe('');
      await under.recover();
      await Promise.all(buffered);
      expect(bus.buffer()).toMatchObject({ records: 0, bytes: 0, oldestMs: 0 });
      expect(bus.connection().status).toBe('up');
      expect(new Set((await readAll(bus, name)).map((event) => text(event.value))).size).toBe(limit);
    });

    it('refuses everything once closed', async () => {
      const { name } = await topic();
      await bus.close();
      const closed = { reason: 'KAFKA_CLOSED' };
      await expect(bus.publish(name, record('k', 'v'))).rejects.toMatchObject(closed);
      await expect(bus.declareTopics([])).rejects.toMatchObject(closed);
      expect(() => bus.subscribe({ ...collector(), group: 'g', topic: name, from: 'latest' })).toThrow('closed');
      expect(bus.connection().status).toBe('down');
    });
  });
}

function record(key: string, value: string): EventRecord {
  return { key: Buffer.from(key), value: Buffer.from(value) };
}

function text(bytes: Uint8Array | null): string {
  return Buffer.from(bytes ?? []).toString();
}

async function readAll(bus: EventBus, topic: string, partitions?: number[]): Promise<ReceivedEvent[]> {
  const events: ReceivedEvent[] = [];
  const handler = (event: ReceivedEvent) => void events.push(event);
  await bus.readToEnd({ topic, handler, ...(partitions ? { partitions } : {}) });
  return events;
}

interface Collector extends Pick<Subscription, 'handler' | 'onAssignment'> {
  events: ReceivedEvent[];
  partitions: readonly number[];
}

function collector(): Collector {
  const made: Collector = {
    events: [],
    partitions: [],
    handler: async (event) => void made.events.push(event),
    onAssignment: (partitions) => {
      made.partitions = partitions;
    },
  };
  return made;
}
