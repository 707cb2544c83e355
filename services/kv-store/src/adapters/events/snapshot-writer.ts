import { pause } from '@longhaul/kernel';
import { type BlockEvent, type BlockEventBatch, BlockView } from '@longhaul/kv-core';
import { blockRecord, ownerRecord, readSnapshotRecord, SNAPSHOT_TOPIC, tombstone } from '@longhaul/kv-events';
import type { BusLog, EventBus, EventRecord } from '@longhaul/platform-kafka';
import type { EventSink } from '../../core/ports.js';

const CHUNK_RECORDS = 500;
/** The bus's buffer is for events first: snapshot records take this share of it at most. */
const BUFFER_SHARE = 0.25;
/** More than a record takes. */
const RECORD_BYTES = 512;

export interface SnapshotWriterOptions {
  readonly bus: EventBus;
  readonly owner: string;
  /** Blocks whose record is outdated, at most; with more the topic is read and compared as a whole instead. */
  readonly maxOutdated: number;
  /** Changes of one block within this time become one record. */
  readonly settleMs: number;
  readonly retryMs: number;
  readonly log: BusLog;
}

interface BlockName {
  readonly namespaceId: Uint8Array;
  readonly key: Uint8Array;
}

/**
 * Keeps the snapshot topic equal to what the store has. Changes are conflated: while the bus is away a block is
 * outdated once, however often it changes, and nothing is dropped for good.
 */
export class SnapshotWriter implements EventSink {
  readonly #options: SnapshotWriterOptions;
  readonly #view = new BlockView();
  readonly #outdated = new Map<string, BlockName>();
  readonly #stopping = new AbortController();
  readonly #loop: Promise<void>;
  #epoch: bigint | undefined;
  #next = 1n;
  /** The state that the last owner record told. */
  #told = '';
  /** At the start records of an earlier epoch may be there. */
  #compare = true;
  #wake: () => void = () => undefined;

  constructor(options: SnapshotWriterOptions) {
    this.#options = options;
    this.#loop = this.#run();
  }

  get outdatedBlocks(): number {
    return this.#outdated.size;
  }

  announce(storeEpoch: bigint): void {
    this.#epoch = storeEpoch;
    this.#wake();
  }

  publish(batch: BlockEventBatch): void {
    this.#epoch = batch.storeEpoch;
    for (const event of batch.events) {
      for (const name of this.#namesOf(event)) this.#mark(name);
      this.#view.apply(event);
      this.#next = event.sequence + 1n;
    }
    this.#wake();
  }

  /** Stops where it is: the next start compares anyway. */
  async close(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#loop;
  }

  *#namesOf(event: BlockEvent): Generator<BlockName, void, undefined> {
    if (event.kind === 'cleared') yield* this.#view.entries(event.namespaceId);
    else for (const key of event.keys) yield { namespaceId: event.namespaceId, key };
  }

  #mark({ namespaceId, key }: BlockName): void {
    if (this.#outdated.size < this.#options.maxOutdated) {
      this.#outdated.set(Buffer.concat([namespaceId, key]).toString('latin1'), { namespaceId, key });
      return;
    }
    if (!this.#compare) this.#options.log.warning('snapshot-comparison-due', { outdated: this.#outdated.size });
    this.#compare = true;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const due =
        this.#epoch !== undefined && (this.#compare || this.#outdated.size > 0 || this.#told !== this.#state());
      if (!due) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        await this.#pause(this.#options.settleMs);
        continue;
      }
      try {
        if (this.#compare) await this.#markDifferences();
        await this.#writeOutdated();
      } catch (error) {
        if (signal.aborted) return;
        this.#options.log.warning('snapshot-not-written', { reason: (error as Error).message });
        await this.#pause(this.#options.retryMs);
      }
    }
  }

  #state(): string {
    return `${this.#epoch} ${this.#next}`;
  }

  /** Everything that is on the topic or ought to be is written again. */
  async #markDifferences(): Promise<void> {
    const { bus, owner } = this.#options;
    const present = new Map<string, BlockName>();
    const reading = bus.readToEnd({
      topic: SNAPSHOT_TOPIC,
      signal: this.#stopping.signal,
      handler: (event) => {
        const entry = readSnapshotRecord(event);
        if (!entry || entry.kind === 'owner' || entry.owner !== owner) return;
        const name = Buffer.from(event.key).toString('latin1');
        if (entry.kind === 'gone') present.delete(name);
        else present.set(name, { namespaceId: entry.block.namespaceId, key: entry.block.key });
      },
    });
    await this.#untilStopped(reading);
    this.#compare = false;
    for (const name of present.values()) this.#mark(name);
    for (const name of this.#view.entries()) this.#mark(name);
  }

  async #writeOutdated(): Promise<void> {
    const { bus, owner } = this.#options;
    const [storeEpoch, nextSequence, state] = [this.#epoch ?? 0n, this.#next, this.#state()];
    const names = [...this.#outdated.values()];
    this.#outdated.clear();
    const most = this.#chunkRecords();
    for (let from = 0; from < names.length; from += most) {
      const chunk = names.slice(from, from + most);
      const sending = chunk.map((name) => bus.publish(SNAPSHOT_TOPIC, this.#recordOf(name)));
      const sent = await this.#untilStopped(Promise.allSettled(sending));
      const failure = sent.find((result) => result.status === 'rejected');
      if (!failure) continue;
      for (const name of names.slice(from)) this.#mark(name);
      throw failure.reason;
    }
    // With the comparison due some blocks are missing: their state is not told as complete.
    if (this.#compare) return;
    await this.#untilStopped(bus.publish(SNAPSHOT_TOPIC, ownerRecord({ owner, storeEpoch, nextSequence })));
    this.#told = state;
  }

  #chunkRecords(): number {
    const { limitRecords, limitBytes } = this.#options.bus.buffer();
    return Math.max(
      1,
      Math.min(CHUNK_RECORDS, BUFFER_SHARE * limitRecords, (BUFFER_SHARE * limitBytes) / RECORD_BYTES) | 0,
    );
  }

  #recordOf({ namespaceId, key }: BlockName): EventRecord {
    const place = this.#view.place(namespaceId, key);
    const { owner } = this.#options;
    if (!place) return tombstone(owner, namespaceId, key);
    return blockRecord(owner, this.#epoch ?? 0n, { namespaceId, key, ...place });
  }

  /** A bus without a broker may keep us waiting; stopping does not. */
  #untilStopped<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#stopping;
    return new Promise((resolve, reject) => {
      const stop = () => reject(new Error('stopped'));
      signal.addEventListener('abort', stop, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
    });
  }

  async #pause(ms: number): Promise<void> {
    await pause(ms, this.#stopping.signal);
  }
}
