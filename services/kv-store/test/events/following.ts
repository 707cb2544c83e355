import { setTimeout as delay } from 'node:timers/promises';
import type { BusLog, EventBus } from '@longhaul/platform-kafka';
import { BlockEventSubscriber, CompactedSnapshots, type FollowerObserver } from '@longhaul/kv-events';
import {
  type BlockEvents,
  type DropReason,
  type EventObserver,
  startBlockEvents,
} from '../../src/adapters/events/index.js';
import { contents, ScriptedStore } from './scripted-store.js';

/** Few, so that a test's topics are quickly there. */
export const TOPICS = { partitions: 4, replication: 1, retentionMs: 3_600_000 };
const LIMIT_MS = 45_000;

export const quietLog: BusLog =
  process.env['LONGHAUL_TEST_LOG'] === '1'
    ? {
        info: (event, fields) => void process.stderr.write(`${JSON.stringify({ event, ...fields })}\n`),
        warning: (event, fields) => void process.stderr.write(`${JSON.stringify({ event, ...fields })}\n`),
        failure: (event, cause, fields) =>
          void process.stderr.write(`${JSON.stringify({ event, ...fields, cause: String(cause) })}\n`),
      }
    : { info: () => undefined, warning: () => undefined, failure: () => undefined };

/** Counts what is reported. */
export class CountingObserver implements EventObserver, FollowerObserver {
  publishedEvents = 0;
  readonly drops = new Map<DropReason, number>();
  readonly resyncs: string[] = [];

  published(events: number): void {
    this.publishedEvents += events;
  }
  dropped(events: number, reason: DropReason): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + events);
  }
  resync(reason: string): void {
    this.resyncs.push(reason);
  }
}

export interface TellingStore {
  readonly store: ScriptedStore;
  readonly events: BlockEvents;
  readonly observer: CountingObserver;
}

/** A started store whose events go to a bus. */
export function tellingStore(
  bus: EventBus,
  owner: string,
  epoch: bigint,
  limits: { maxQueuedEvents?: number } = {},
): TellingStore {
  const observer = new CountingObserver();
  const events = startBlockEvents({ bus, owner, observer, log: quietLog, topics: TOPICS, heartbeatMs: 200, ...limits });
  const store = new ScriptedStore(owner, epoch, events);
  store.start();
  return { store, events, observer };
}

export function follower(bus: EventBus, group: string, observer = new CountingObserver()): BlockEventSubscriber {
  const source = new CompactedSnapshots(bus);
  return new BlockEventSubscriber({ bus, group, source, maxHeldBatches: 1_000, observer, log: quietLog });
}

/** Whether followers together see exactly what the stores have. */
export function agree(followers: readonly BlockEventSubscriber[], stores: readonly ScriptedStore[]): boolean {
  const owners = followers.flatMap((each) => each.owners());
  return stores.every(({ owner, epoch, next, view }) => {
    const seen = owners.find((each) => each.owner === owner && each.synced);
    if (seen?.place?.epoch !== epoch || seen.place.next !== next) return false;
    return contents(seen.view).join() === contents(view).join();
  });
}

/** Waits until something holds, and says otherwise what was seen. */
export async function until(holds: () => boolean, seen: () => unknown = () => ''): Promise<void> {
  const deadline = Date.now() + LIMIT_MS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`did not come to hold: ${holds.toString()} ${String(seen())}`);
    await delay(20);
  }
}
