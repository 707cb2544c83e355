import type { Clock } from '@longhaul/kernel';
import type { BlockEventBatch, Tier } from '@longhaul/kv-core';

/** Time, as the core sees it: leases, idle times and expiries are reckoned by the steady clock. */
export type StoreClock = Pick<Clock, 'steadyUnixMs' | 'after'>;

/** Unpredictable bytes: lease ids and the epoch of the store. */
export type RandomBytes = (length: number) => Uint8Array;

/** Takes every event of the store as it happens, in order. Must not block; what it throws is counted and dropped. */
export interface EventSink {
  publish(batch: BlockEventBatch): void;
}

/** Things that are counted. Each is a number of its own; `reason` says which kind where there are kinds. */
export type StoreCounter =
  | 'lookups'
  | 'hit_blocks'
  | 'missed_blocks'
  | 'puts_committed'
  | 'puts_present'
  /** Refused or given up; `reason` is the error's. */
  | 'puts_failed'
  | 'put_bytes'
  | 'get_bytes'
  /** A get that ended before `done`; `reason` is the error's. */
  | 'gets_failed'
  /** Copies that failed a check and were taken out of their tier. */
  | 'corrupt_blocks'
  /** Copies that left a tier for want of room, or on request (`reason`). */
  | 'evicted_blocks'
  | 'promoted_blocks'
  | 'written_through'
  /** Blocks that stay where they are because the tier below did not take them. */
  | 'write_through_skipped'
  /** Objects that a tier kept against orders, and that are too many to remember: they come back at the next start. */
  | 'removals_lost'
  | 'tier_errors'
  | 'tier_timeouts'
  /** A side of a tier (`reason`: read or write) was left alone after failures. */
  | 'tier_pauses'
  | 'recovered_blocks'
  | 'recovery_skipped'
  | 'event_gaps'
  | 'sink_errors'
  | 'leases_expired'
  | 'writers_preempted';

/** Things that have a bound. */
export type StoreGauge =
  | 'tier_bytes'
  | 'tier_objects'
  | 'tenant_bytes'
  | 'index_blocks'
  | 'leases'
  | 'pins'
  | 'put_sessions'
  | 'put_bytes_in_flight'
  | 'gets'
  | 'read_ahead_bytes'
  | 'write_through_blocks'
  | 'write_through_bytes'
  | 'write_through_backlog'
  | 'unremoved_objects'
  | 'tier_operations'
  | 'watchers'
  | 'namespaces';

export interface Labels {
  readonly tier?: Tier;
  readonly tenant?: string;
  readonly reason?: string;
}

/** Where metrics go. Called on the path of blocks: must be cheap and must not throw. */
export interface StoreObserver {
  counted(counter: StoreCounter, amount: number, labels: Labels): void;
  measured(gauge: StoreGauge, value: number, limit: number, labels: Labels): void;
}

/** An observer for those who want none. */
export const SILENT_OBSERVER: StoreObserver = { counted: () => undefined, measured: () => undefined };
