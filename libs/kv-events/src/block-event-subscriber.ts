import { pause } from '@longhaul/kernel';
import { kvstoreV1 } from '@longhaul/contracts';
import { type BlockEventBatch, BlockEventFollower, type BlockView, type FollowerCounts } from '@longhaul/kv-core';
import { fromEventBatch } from '@longhaul/kv-wire';
import type { BusLog, EventBus, EventSubscription, ReceivedEvent } from '@longhaul/platform-kafka';
import { EVENTS_TOPIC } from './event-topics.js';
import type { OwnerPlace, SnapshotSource } from './snapshot-source.js';

const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 2_000;
/** Some ten seconds. */
const PATIENT_ATTEMPTS = 10;

/** What following reports. */
export interface FollowerObserver {
  /** A snapshot is taken, and why. */
  resync(reason: string): void;
}

export interface SubscriberOptions {
  readonly bus: EventBus;
  /** One name for all: the members share the owners. A name of its own: this member follows all owners. */
  readonly group: string;
  readonly source: SnapshotSource;
  /** Batches that are kept per owner while its snapshot is taken. */
  readonly maxHeldBatches: number;
  readonly observer: FollowerObserver;
  readonly log: BusLog;
}

/** An owner as it is followed. */
export interface FollowedOwner {
  readonly owner: string;
  /** False while a snapshot is being taken: the view is behind. */
  readonly synced: boolean;
  readonly view: BlockView;
  readonly counts: Readonly<FollowerCounts>;
  readonly place: { readonly epoch: bigint; readonly next: bigint } | undefined;
}

interface Followed extends OwnerPlace {
  readonly follower: BlockEventFollower;
  /** The last epoch seen in the events; a snapshot of another one is taken only when that one does not come. */
  seenEpoch: bigint | undefined;
  resyncing: boolean;
}

/**
 * Follows the block events of the owners in this member's partitions. Starts each owner from a snapshot, applies its
 * events, takes another snapshot when some are missing or the store has started anew, and forgets owners whose
 * partitions went to another member.
 */
export class BlockEventSubscriber {
  readonly #options: SubscriberOptions;
  readonly #followed = new Map<string, Followed>();
  readonly #stopping = new AbortController();
  readonly #subscription: EventSubscription;

  constructor(options: SubscriberOptions) {
    this.#options = options;
    this.#subscription = options.bus.subscribe({
      group: options.group,
      topic: EVENTS_TOPIC,
      // What was before is in the snapshots; what falls between is missed by the next batch or heartbeat.
      from: 'latest',
      handler: (event) => this.#take(event),
      onAssignment: (partitions, signal) => this.#assigned(partitions, signal),
    });
  }

  get ready(): Promise<void> {
    return this.#subscription.ready;
  }

  /** Records that the topic has more than were taken. */
  get lagRecords(): number {
    return this.#subscription.state().lagRecords;
  }

  owners(): FollowedOwner[] {
    return [...this.#followed.values()].map(({ owner, follower }) => {
      const { synced, view, counts, place } = follower;
      return { owner, synced, view, counts, place };
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#subscription.stop();
  }

  async #assigned(partitions: readonly number[], signal: AbortSignal): Promise<void> {
    for (const { owner, partition } of [...this.#followed.values()]) {
      if (!partitions.includes(partition)) this.#followed.delete(owner);
    }
    for (const place of await this.#options.source.owners(partitions, signal)) {
      if (this.#followed.has(place.owner)) continue;
      void this.#resync(this.#follow(place), 'unknown');
    }
  }

  #follow({ owner, partition }: OwnerPlace): Followed {
    const { maxHeldBatches } = this.#options;
    const follower = new BlockEventFollower(owner, { maxHeldBatches, continuity: 'sequence' });
    const followed: Followed = { owner, partition, follower, seenEpoch: undefined, resyncing: false };
    this.#followed.set(owner, followed);
    return followed;
  }

  async #take(event: ReceivedEvent): Promise<void> {
    const batch = this.#decode(event);
    if (!batch) return;
    const followed =
      this.#followed.get(batch.owner) ?? this.#follow({ owner: batch.owner, partition: event.partition });
    followed.seenEpoch = batch.storeEpoch;
    const outcome = followed.follower.accept(batch);
    if (outcome.kind === 'resync') void this.#resync(followed, outcome.reason);
  }

  /** What cannot be read now cannot be read later either: it is left out, and its missing numbers cause a resync. */
  #decode({ value, topic, partition, offset }: ReceivedEvent): BlockEventBatch | undefined {
    try {
      if (value !== null) return fromEventBatch(kvstoreV1.EventBatch.decode(value));
    } catch (error) {
      this.#options.log.failure('block-events-unreadable', error, { topic, partition, offset: String(offset) });
    }
    return undefined;
  }

  /** Takes snapshots until one continues into the events. Events wait in the follower meanwhile. */
  async #resync(followed: Followed, reason: string): Promise<void> {
    if (followed.resyncing) return;
    followed.resyncing = true;
    this.#options.observer.resync(reason);
    this.#options.log.info('block-events-resync', { owner: followed.owner, reason });
    const { signal } = this.#stopping;
    const wanted = () =>
      !signal.aborted && this.#followed.get(followed.owner) === followed && !followed.follower.synced;
    for (let attempt = 0; wanted(); attempt += 1) {
      if (attempt > 0) {
        const waitMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10));
        await pause(waitMs, signal);
      }
      try {
        await this.#trySnapshot(followed, attempt);
      } catch (error) {
        this.#options.log.warning('snapshot-not-taken', { owner: followed.owner, reason: (error as Error).message });
      }
    }
    followed.resyncing = false;
  }

  async #trySnapshot({ owner, partition, follower, ...seen }: Followed, attempt: number): Promise<void> {
    follower.beginSnapshot();
    const batches = await this.#options.source.snapshot({ owner, partition }, this.#stopping.signal);
    const epoch = batches[0]?.storeEpoch;
    // The events may speak of an epoch that the source does not know yet; redelivered ones of an old epoch do so as
    // well, so that in the end the source is right.
    const early = seen.seenEpoch !== undefined && epoch !== seen.seenEpoch && attempt < PATIENT_ATTEMPTS;
    if (epoch === undefined || early) return;
    for (const batch of batches) follower.acceptSnapshot(batch);
  }
}
