/** How to reach a cluster, and the bounds of the client. */
export interface KafkaSettings {
  /** `host:port` of some brokers; the rest is learnt from them. */
  readonly brokers: readonly string[];
  /** Name of this process in the brokers' logs and quotas. */
  readonly clientId: string;
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
  /** Records and bytes that wait for a broker at most; beyond either, publishing fails with `KAFKA_BUFFER_FULL`. */
  readonly maxBufferedRecords?: number;
  readonly maxBufferedBytes?: number;
  /** Most bytes of one record; keep it below `message.max.bytes` of the brokers. */
  readonly maxRecordBytes?: number;
  /** A record that no broker took for so long is given up. */
  readonly deliveryTimeoutMs?: number;
  readonly closeTimeoutMs?: number;
  readonly connectionTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  /** A consumer that was not heard of for so long loses its partitions. */
  readonly sessionTimeoutMs?: number;
  readonly heartbeatIntervalMs?: number;
  /** How often an idle connection is checked, for the state that health shows. */
  readonly probeIntervalMs?: number;
  readonly compression?: 'none' | 'gzip';
}

export interface KafkaTls {
  /** PEM. Without it the system's authorities are trusted. */
  readonly ca?: string;
  /** PEM of the client, for mutual TLS; both or neither. */
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
}

export interface KafkaSasl {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

export type KafkaLimits = Required<Omit<KafkaSettings, 'brokers' | 'clientId' | 'tls' | 'sasl'>>;

export const KAFKA_DEFAULTS: KafkaLimits = {
  maxBufferedRecords: 65_536,
  maxBufferedBytes: 64 << 20,
  maxRecordBytes: 900 << 10,
  deliveryTimeoutMs: 120_000,
  closeTimeoutMs: 5_000,
  connectionTimeoutMs: 3_000,
  requestTimeoutMs: 10_000,
  sessionTimeoutMs: 15_000,
  heartbeatIntervalMs: 1_000,
  probeIntervalMs: 5_000,
  compression: 'none',
};
