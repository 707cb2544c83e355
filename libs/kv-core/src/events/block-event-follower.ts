import { kvErrors } from '../errors.js';
import type { BlockEventBatch } from '../ports/block-events.js';
import { BlockView } from './block-view.js';

/** Ended epochs that are remembered, so that what is delivered again of them is not taken for a restart. */
const ENDED_EPOCHS = 16;

export type ResyncReason = 'unknown' | 'epoch_changed' | 'gap';

export type FollowOutcome =
  /** The view is what the store's was after this batch. `repeated` events were known already. */
  | { readonly kind: 'applied'; readonly applied: number; readonly repeated: number }
  /** Kept until the snapshot that is being taken is there. */
  | { readonly kind: 'held' }
  /** Kept as well, and the caller takes a snapshot of the owner now: `beginSnapshot`, then `acceptSnapshot`. */
  | { readonly kind: 'resync'; readonly reason: ResyncReason }
  /** Of an epoch that is over. */
  | { readonly kind: 'stale' };

export interface FollowerOptions {
  /** Batches kept while a snapshot is taken; of more the oldest go, which costs another snapshot. */
  readonly maxHeldBatches: number;
  /**
   * How missing events show. `sequence`: numbers are without holes (all events of an owner). `flag`: only the `gap`
   * flag tells, because the stream leaves other namespaces' events out.
   */
  readonly continuity: 'sequence' | 'flag';
}

/** What a follower has seen so far. */
export interface FollowerCounts {
  applied: number;
  repeated: number;
  gaps: number;
  epochChanges: number;
  snapshots: number;
  heldDropped: number;
}

/**
 * Follows one owner's block events and keeps a view of its blocks. Delivery may repeat batches and lose them; within
 * an owner it keeps their order. What is missing is found by sequence numbers and made good by a snapshot, after which
 * the events continue at the number that the snapshot names.
 *
 * Decides only: who calls it brings the batches and the snapshots. The view is that of the store at some moment; it
 * falls behind while `synced` is false.
 */
export class BlockEventFollower {
  readonly #options: FollowerOptions;
  readonly counts: FollowerCounts = {
    applied: 0,
    repeated: 0,
    gaps: 0,
    epochChanges: 0,
    snapshots: 0,
    heldDropped: 0,
  };
  #current = new BlockView();
  #incoming: BlockView | undefined;
  #position: { readonly epoch: bigint; next: bigint } | undefined;
  #endedEpochs: bigint[] = [];
  #held: BlockEventBatch[] = [];
  /** How many of `held` came before the snapshot that is being taken began. */
  #heldBefore = 0;
  #resyncing = false;

  constructor(
    readonly owner: string,
    options: FollowerOptions,
  ) {
    this.#options = options;
  }

  get view(): BlockView {
    return this.#current;
  }

  get synced(): boolean {
    return this.#position !== undefined && !this.#resyncing;
  }

  /** Epoch, and the number of the next event that the view lacks; undefined before the first snapshot. */
  get place(): { readonly epoch: bigint; readonly next: bigint } | undefined {
    return this.#position;
  }

  /** @throws `INVALID_ARGUMENT` for another owner's batch, or one of a snapshot. */
  accept(batch: BlockEventBatch): FollowOutcome {
    if (batch.owner !== this.owner) throw kvErrors.argument('owner', 'The batch is of another owner.');
    if (batch.snapshot) throw kvErrors.argument('snapshot', 'Batches of a snapshot go to acceptSnapshot.');
    if (this.#endedEpochs.includes(batch.storeEpoch)) return { kind: 'stale' };
    if (this.#resyncing) {
      this.#hold(batch);
      return { kind: 'held' };
    }
    const reason = this.#missing(batch);
    return reason === undefined ? this.#apply(batch) : this.#startResync(batch, reason);
  }

  /** A snapshot begins; an earlier one that did not end is forgotten. */
  beginSnapshot(): void {
    this.#resyncing = true;
    this.#incoming = new BlockView();
    this.#heldBefore = this.#held.length;
  }

  /**
   * Takes a batch of the snapshot. The last one (`snapshotEnd`) makes it the view and applies what was held.
   *
   * @returns `held` before the end; then `applied`, or `resync` when even the snapshot is older than what was held:
   * take another one.
   */
  acceptSnapshot(batch: BlockEventBatch): FollowOutcome {
    if (!this.#incoming) throw kvErrors.argument('snapshot', 'No snapshot was begun.');
    for (const event of batch.events) this.#incoming.apply(event);
    if (!batch.snapshotEnd) return { kind: 'held' };
    this.#enterEpoch(batch.storeEpoch);
    this.#position = { epoch: batch.storeEpoch, next: batch.firstSequence };
    this.#current = this.#incoming;
    this.#incoming = undefined;
    this.#resyncing = false;
    this.counts.snapshots += 1;
    return this.#replayHeld(batch.storeEpoch);
  }

  #missing({ storeEpoch, firstSequence, gap }: BlockEventBatch): ResyncReason | undefined {
    if (!this.#position) return 'unknown';
    if (storeEpoch !== this.#position.epoch) return 'epoch_changed';
    if (firstSequence <= this.#position.next) return undefined;
    return gap || this.#options.continuity === 'sequence' ? 'gap' : undefined;
  }

  #apply(batch: BlockEventBatch): FollowOutcome {
    let applied = 0;
    for (const event of batch.events) {
      if (!this.#position || event.sequence < this.#position.next) continue;
      this.#current.apply(event);
      this.#position.next = event.sequence + 1n;
      applied += 1;
    }
    const repeated = batch.events.length - applied;
    this.counts.applied += applied;
    this.counts.repeated += repeated;
    return { kind: 'applied', applied, repeated };
  }

  #startResync(batch: BlockEventBatch, reason: ResyncReason): FollowOutcome {
    this.#resyncing = true;
    this.#hold(batch);
    if (reason === 'gap') this.counts.gaps += 1;
    if (reason === 'epoch_changed') {
      this.counts.epochChanges += 1;
      // A store that started again has lost at least what it had in memory: better nothing than what is gone. Whether
      // it did, or this came late from an epoch before, the snapshot tells.
      this.#current = new BlockView();
    }
    return { kind: 'resync', reason };
  }

  /** The epoch so far has ended, if another one begins. */
  #enterEpoch(epoch: bigint): void {
    if (!this.#position || this.#position.epoch === epoch) return;
    this.#endedEpochs = [...this.#endedEpochs, this.#position.epoch]
      .filter((ended) => ended !== epoch)
      .slice(-ENDED_EPOCHS);
  }

  #hold(batch: BlockEventBatch): void {
    this.#held.push(batch);
    if (this.#held.length <= this.#options.maxHeldBatches) return;
    this.#held.shift();
    this.#heldBefore = Math.max(0, this.#heldBefore - 1);
    this.counts.heldDropped += 1;
  }

  /** Of what came before the snapshot began, another epoch was over by then: the snapshot is of a later one. */
  #replayHeld(epoch: bigint): FollowOutcome {
    const batches = this.#held.filter(({ storeEpoch }, index) => index >= this.#heldBefore || storeEpoch === epoch);
    this.#held = [];
    const total = { applied: 0, repeated: 0 };
    for (const [index, batch] of batches.entries()) {
      const outcome = this.accept(batch);
      if (outcome.kind === 'resync') {
        this.#held.push(...batches.slice(index + 1));
        return outcome;
      }
      if (outcome.kind !== 'applied') continue;
      total.applied += outcome.applied;
      total.repeated += outcome.repeated;
    }
    return { kind: 'applied', ...total };
  }
}
