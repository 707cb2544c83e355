/** Why events were not delivered. */
export type DropReason = 'queue_full' | 'buffer_full' | 'timeout' | 'refused';

/** What publishing and following report. */
export interface EventObserver {
  /** Events that the bus has acknowledged. */
  published(events: number): void;
  /** Events that followers will not get; they resync instead. */
  dropped(events: number, reason: DropReason): void;
  /** A follower takes a snapshot, and why. */
  resync(reason: string): void;
}

export const SILENT_EVENT_OBSERVER: EventObserver = {
  published: () => undefined,
  dropped: () => undefined,
  resync: () => undefined,
};
