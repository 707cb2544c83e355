import { invalidArgument } from '@longhaul/kernel';
import type { TopicDeclaration } from './event-bus.js';

const NAME = /^[a-zA-Z0-9._-]{1,249}$/;
const UNLIMITED = '-1';

/** A topic as a cluster has it. */
export interface ActualTopic {
  readonly partitions: number;
  readonly replication: number;
  readonly config: ReadonlyMap<string, string>;
}

/** @throws `INVALID_ARGUMENT` naming the field that no cluster would accept. */
export function checkDeclaration(topic: TopicDeclaration): void {
  if (!NAME.test(topic.name)) {
    throw invalidArgument('topic.name', 'topic.name must be 1 to 249 letters, digits, dots, dashes or underscores.');
  }
  const least = { partitions: topic.partitions, replication: topic.replication, retentionMs: topic.retentionMs ?? 1 };
  for (const [field, value] of Object.entries(least)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw invalidArgument(`topic.${field}`, `topic.${field} of ${topic.name} must be a whole number of at least 1.`);
    }
  }
}

/** The declared settings under Kafka's names. */
export function declaredConfig(topic: TopicDeclaration): ReadonlyMap<string, string> {
  return new Map([
    ['cleanup.policy', topic.cleanup],
    ['retention.ms', topic.retentionMs === null ? UNLIMITED : String(topic.retentionMs)],
    ...Object.entries(topic.config ?? {}),
  ]);
}

/** What is not as declared, one sentence each. */
export function differences(declared: TopicDeclaration, actual: ActualTopic): string[] {
  const found: string[] = [];
  const compare = (name: string, want: string | number, have: string | number | undefined) => {
    if (want !== have) found.push(`${declared.name} has ${name} ${have ?? 'unset'} instead of ${want}`);
  };
  compare('partitions', declared.partitions, actual.partitions);
  compare('replication', declared.replication, actual.replication);
  for (const [name, value] of declaredConfig(declared)) compare(name, normal(value), normal(actual.config.get(name)));
  return found;
}

/** Lists in settings have no order. */
function normal(value: string): string;
function normal(value: string | undefined): string | undefined;
function normal(value: string | undefined): string | undefined {
  return value?.split(',').sort().join(',');
}
