import kafkajs, { type Admin } from 'kafkajs';
import type { TopicDeclaration } from '../event-bus.js';
import { declaredConfig, differences, type ActualTopic } from '../topic-settings.js';

// Node finds only some of the names that this CommonJS module exports; this is not one of them.
const { ConfigResourceTypes } = kafkajs;

/** Creates what is missing, and says what is not as declared. Several processes may do so at once. */
export async function ensureTopics(admin: Admin, topics: readonly TopicDeclaration[]): Promise<string[]> {
  const present = new Set(await admin.listTopics());
  const missing = topics.filter(({ name }) => !present.has(name));
  if (missing.length > 0) await create(admin, missing);
  const actual = await describe(admin, topics);
  return topics.flatMap((topic) => {
    const found = actual.get(topic.name);
    return found ? differences(topic, found) : [`${topic.name} is not there`];
  });
}

async function create(admin: Admin, topics: readonly TopicDeclaration[]): Promise<void> {
  // Resolves to false where another process was faster; the comparison afterwards holds for that too.
  await admin.createTopics({
    waitForLeaders: true,
    topics: topics.map((topic) => ({
      topic: topic.name,
      numPartitions: topic.partitions,
      replicationFactor: topic.replication,
      configEntries: [...declaredConfig(topic)].map(([name, value]) => ({ name, value })),
    })),
  });
}

async function describe(admin: Admin, topics: readonly TopicDeclaration[]): Promise<Map<string, ActualTopic>> {
  const names = topics.map(({ name }) => name);
  const metadata = await admin.fetchTopicMetadata({ topics: names });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({ type: ConfigResourceTypes.TOPIC, name })),
  });
  const configs = new Map(resources.map(({ resourceName, configEntries }) => [resourceName, configEntries]));
  return new Map(
    metadata.topics.map(({ name, partitions }) => [
      name,
      {
        partitions: partitions.length,
        replication: partitions[0]?.replicas.length ?? 0,
        config: new Map((configs.get(name) ?? []).map((entry) => [entry.configName, entry.configValue])),
      },
    ]),
  );
}
