import { mustReadText } from '@longhaul/files';
import { EVENT_TOPIC_DEFAULTS } from '@longhaul/kv-events';
import { configInvalid, values, type ConfigOf, type Settings } from '@longhaul/platform-config';
import { KAFKA_DEFAULTS, type KafkaSasl, type KafkaSettings, type KafkaTls } from '@longhaul/platform-kafka';
import { MAX_PEM_BYTES } from '@longhaul/platform-grpc';
import { z } from 'zod';

const { partitions, replication, retentionMs } = EVENT_TOPIC_DEFAULTS;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]):/;

const brokerList = values
  .text()
  .transform((list) => list.split(',').map((broker) => broker.trim()))
  .pipe(z.array(values.address()).min(1));

/** Keys of the block events. Without `kafkaBrokers` there are none. */
export const eventSettings = {
  kafkaBrokers: {
    schema: brokerList.optional(),
    description: 'Kafka brokers that block events go to, host:port, separated by commas.',
    defaultText: 'no block events',
  },
  kafkaClientId: {
    schema: values.text().default('longhaul-kv-store'),
    description: "Name of this process in the brokers' logs and quotas.",
  },
  kafkaTls: {
    schema: values.flag().default(false),
    description: 'Speak TLS with the brokers; implied by each of the three files.',
    isSwitch: true,
  },
  kafkaTlsCa: {
    schema: values.text().optional(),
    description: 'PEM of the authority that signs the brokers.',
    defaultText: "the system's authorities",
  },
  kafkaTlsCert: {
    schema: values.text().optional(),
    description: 'PEM of the certificate that the brokers know this store by.',
  },
  kafkaTlsKey: { schema: values.text().optional(), description: 'PEM of its private key.' },
  kafkaSaslMechanism: {
    schema: values.oneOf('plain', 'scram-sha-256', 'scram-sha-512').optional(),
    description: 'How this store logs in to the brokers.',
    defaultText: 'no log-in',
  },
  kafkaSaslUsername: { schema: values.text().optional(), description: 'Name it logs in with.' },
  kafkaSaslPassword: { schema: values.text().optional(), description: 'Password it logs in with.', secret: true },
  kafkaBufferBytes: {
    schema: values.bytes(2 ** 20).default(KAFKA_DEFAULTS.maxBufferedBytes),
    description: 'Most bytes of records that wait for a broker.',
    unit: 'bytes',
    defaultText: '64MiB',
  },
  eventPartitions: {
    schema: values.integer(1, 10_000).default(partitions),
    description: 'Partitions of the topics of block events; the same for all stores and followers.',
  },
  eventReplication: {
    schema: values.integer(1, 100).default(replication),
    description: 'Copies of each partition; at most the number of brokers.',
  },
  eventRetentionMs: {
    schema: values.integer(1).default(retentionMs),
    description: 'Age at which the broker drops events; followers that were away for longer resync.',
    unit: 'ms',
  },
  eventSnapshotTopic: {
    schema: values.flag().default(true),
    description: 'Keep the compacted topic that followers start from without asking this store.',
    isSwitch: true,
  },
  eventQueue: {
    schema: values.integer(1, 2 ** 24).default(65_536),
    description: 'Events that wait for a broker at most; more are dropped and followers resync.',
    unit: 'events',
  },
  eventHeartbeatMs: {
    schema: values.integer(10, 600_000).default(2_000),
    description: 'Without events, followers are told this often where the store stands.',
    unit: 'ms',
  },
} satisfies Settings;

export type EventConfig = ConfigOf<typeof eventSettings>;

/**
 * How to reach the brokers; null without brokers. Reads the TLS files.
 *
 * @param allowInsecure a password may cross a network in plain text.
 * @throws AppError `CONFIG_INVALID` with all faults, `TLS_FILE_UNREADABLE`.
 */
export function kafkaSettings(config: EventConfig, allowInsecure: boolean): KafkaSettings | null {
  if (config.kafkaBrokers === undefined) return null;
  const faults = [...tlsFaults(config), ...saslFaults(config, allowInsecure)];
  if (faults.length > 0) throw configInvalid(faults);
  const sasl = saslOf(config);
  return {
    brokers: config.kafkaBrokers,
    clientId: config.kafkaClientId,
    maxBufferedBytes: config.kafkaBufferBytes,
    ...(usesTls(config) ? { tls: readTls(config) } : {}),
    ...(sasl ? { sasl } : {}),
  };
}

function usesTls({ kafkaTls, kafkaTlsCa, kafkaTlsCert, kafkaTlsKey }: EventConfig): boolean {
  return kafkaTls || [kafkaTlsCa, kafkaTlsCert, kafkaTlsKey].some((file) => file !== undefined);
}

function tlsFaults({ kafkaTlsCert, kafkaTlsKey }: EventConfig): string[] {
  const one = (kafkaTlsCert === undefined) !== (kafkaTlsKey === undefined);
  return one ? ['--kafka-tls-cert and --kafka-tls-key: give both or neither'] : [];
}

function saslFaults(config: EventConfig, allowInsecure: boolean): string[] {
  const { kafkaBrokers = [], kafkaSaslMechanism, kafkaSaslUsername, kafkaSaslPassword } = config;
  const given = [kafkaSaslMechanism, kafkaSaslUsername, kafkaSaslPassword].filter((key) => key !== undefined);
  if (given.length === 0) return [];
  const names = '--kafka-sasl-mechanism, --kafka-sasl-username and --kafka-sasl-password';
  if (given.length !== 3) return [`${names}: give all or none`];
  const exposed = !usesTls(config) && !kafkaBrokers.every((broker) => LOOPBACK.test(broker));
  return exposed && !allowInsecure ? ['--kafka-tls: is required to log in beyond loopback'] : [];
}

function saslOf({ kafkaSaslMechanism, kafkaSaslUsername, kafkaSaslPassword }: EventConfig): KafkaSasl | null {
  if (!kafkaSaslMechanism || !kafkaSaslUsername || !kafkaSaslPassword) return null;
  return { mechanism: kafkaSaslMechanism, username: kafkaSaslUsername, password: kafkaSaslPassword };
}

function readTls({ kafkaTlsCa, kafkaTlsCert, kafkaTlsKey }: EventConfig): KafkaTls {
  return {
    ...(kafkaTlsCa ? { ca: readPem('--kafka-tls-ca', kafkaTlsCa) } : {}),
    ...(kafkaTlsCert ? { cert: readPem('--kafka-tls-cert', kafkaTlsCert) } : {}),
    ...(kafkaTlsKey ? { key: readPem('--kafka-tls-key', kafkaTlsKey) } : {}),
  };
}

function readPem(option: string, path: string): string {
  return mustReadText({ path, maxBytes: MAX_PEM_BYTES, option, reason: 'TLS_FILE_UNREADABLE' });
}
