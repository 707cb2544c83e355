/** Why events were not delivered. */
export type DropReason = 'queue_full' | 'buffer_full' | 'timeout' | 'refused';

/** What publishing reports. */
export interface EventObserver {
  /** Events that the bus has acknowledged. */
  published(events: number): void;
  /** Events that followers will not get; they resync instead. */
  dropped(events: number, reason: DropReason): void;
}
