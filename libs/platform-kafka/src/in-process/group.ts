import { pause } from '@longhaul/kernel';
import type { BusLog, EventSubscription, ReceivedEvent, Subscription } from '../event-bus.js';
import { backoffMs, Bell } from '../waiting.js';
import type { PartitionLog } from './partition-log.js';

const FIRST_RETRY_MS = 20;
const LAST_RETRY_MS = 5_000;

/** One consumer of a group, with its share of the partitions. */
class Member {
  readonly abort = new AbortController();
  partitions: readonly number[] = [];
  assigned: Promise<void> = Promise.resolve();
  failing: { partition: number; offset: bigint; attempts: number } | null = null;
  handling = new Set<Promise<void>>();

  constructor(readonly subscription: Subscription) {}
}

/** A consumer group on one topic: a position and a pump for each partition, and members that share them. */
export class ConsumerGroup {
  readonly #logs: readonly PartitionLog[];
  readonly #log: BusLog;
  #members: Member[] = [];
  readonly #positions: bigint[];
  readonly #bell = new Bell();
  readonly #running = new Set<number>();

  constructor(logs: readonly PartitionLog[], from: Subscription['from'], log: BusLog) {
    this.#logs = logs;
    this.#log = log;
    this.#positions = logs.map((partition) => (from === 'latest' ? partition.end : 0n));
  }

  /** A partition has new records. */
  wake(): void {
    this.#bell.ring();
  }

  join(subscription: Subscription): EventSubscription {
    const member = new Member(subscription);
    this.#members.push(member);
    this.#share();
    return {
      ready: member.assigned,
      state: () => ({
        partitions: member.partitions,
        lagRecords: member.partitions.reduce((sum, partition) => sum + this.#lag(partition), 0),
        failing: member.failing,
      }),
      stop: async () => {
        if (member.abort.signal.aborted) return;
        member.abort.abort();
        this.#members = this.#members.filter((other) => other !== member);
        this.#share();
        this.#bell.ring();
        await Promise.allSettled(member.handling);
      },
    };
  }

  async stopAll(): Promise<void> {
    const stopped = this.#members;
    this.#members = [];
    for (const { abort } of stopped) abort.abort();
    this.#bell.ring();
    await Promise.allSettled(stopped.flatMap(({ handling }) => [...handling]));
  }

  #lag(partition: number): number {
    return Number((this.#logs[partition]?.end ?? 0n) - (this.#positions[partition] ?? 0n));
  }

  #share(): void {
    const count = this.#members.length;
    for (const [index, member] of this.#members.entries()) {
      member.partitions = this.#logs
        .map((_, partition) => partition)
        .filter((partition) => partition % count === index);
      member.assigned = this.#tellAssignment(member, member.partitions);
    }
    if (count > 0) for (const partition of this.#logs.keys()) void this.#pump(partition);
  }

  async #tellAssignment(member: Member, partitions: readonly number[]): Promise<void> {
    const { signal } = member.abort;
    for (let attempt = 0; !signal.aborted && member.partitions === partitions; attempt += 1) {
      try {
        await member.subscription.onAssignment?.(partitions, signal);
        return;
      } catch (error) {
        this.#log.failure('assignment-failed', error, { group: member.subscription.group, attempt });
        await pause(backoffMs(attempt, FIRST_RETRY_MS, LAST_RETRY_MS), signal);
      }
    }
  }

  #owner(partition: number): Member | undefined {
    return this.#members.find(({ partitions }) => partitions.includes(partition));
  }

  /** Hands over a partition's records one after another, to whoever owns it at that moment. */
  async #pump(partition: number): Promise<void> {
    if (this.#running.has(partition)) return;
    this.#running.add(partition);
    let attempts = 0;
    for (let owner = this.#owner(partition); owner; owner = this.#owner(partition)) {
      await owner.assigned;
      if (this.#owner(partition) !== owner) continue;
      const event = this.#logs[partition]?.at(this.#positions[partition] ?? 0n);
      if (!event) await this.#bell.next();
      else if (await this.#handle(owner, event, attempts)) attempts = 0;
      else attempts += 1;
    }
    this.#running.delete(partition);
  }

  async #handle(member: Member, event: ReceivedEvent, attempts: number): Promise<boolean> {
    const { signal } = member.abort;
    try {
      const handled = member.subscription.handler(event, signal);
      member.handling.add(handled);
      await handled.finally(() => member.handling.delete(handled));
      this.#positions[event.partition] = event.offset + 1n;
      if (member.failing?.partition === event.partition) member.failing = null;
      return true;
    } catch (error) {
      const { topic, partition, offset } = event;
      member.failing = { partition, offset, attempts: attempts + 1 };
      this.#log.failure('event-handler-failed', error, { topic, partition, offset: String(offset), attempts });
      await pause(backoffMs(attempts, FIRST_RETRY_MS, LAST_RETRY_MS), signal);
      return false;
    }
  }
}
