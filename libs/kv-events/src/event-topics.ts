import type { TopicDeclaration } from '@longhaul/platform-kafka';

/** Every change of every store, in order per owner. */
export const EVENTS_TOPIC = 'longhaul.kv.events.v1';
/** Where every block is now: compacted, so that a follower can start without the history. */
export const SNAPSHOT_TOPIC = 'longhaul.kv.snapshot.v1';

const HOUR_MS = 3_600_000;

export interface EventTopicSettings {
  /** The same for both topics: an owner's records of either are in the same partition. */
  readonly partitions: number;
  readonly replication: number;
  /** A follower that was away for longer takes a snapshot. */
  readonly retentionMs: number;
}

export const EVENT_TOPIC_DEFAULTS: EventTopicSettings = { partitions: 12, replication: 1, retentionMs: HOUR_MS };

/** The topics of the stores as they have to be. */
export function eventTopics(settings: EventTopicSettings = EVENT_TOPIC_DEFAULTS): readonly TopicDeclaration[] {
  const { partitions, replication, retentionMs } = settings;
  return [
    { name: EVENTS_TOPIC, partitions, replication, cleanup: 'delete', retentionMs },
    {
      name: SNAPSHOT_TOPIC,
      partitions,
      replication,
      cleanup: 'compact',
      retentionMs: null,
      // Half of a partition may be outdated before it is compacted; a removed key is readable as such for an hour.
      config: { 'min.cleanable.dirty.ratio': '0.5', 'delete.retention.ms': String(HOUR_MS) },
    },
  ];
}
