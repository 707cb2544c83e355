import { invalidArgument, monotonicMs } from '@longhaul/kernel';
import { Kafka, logLevel, type KafkaConfig, type LogEntry, type SASLOptions } from 'kafkajs';
import type { BusLog } from '../event-bus.js';
import { mendRequestTimer } from './request-timer.js';
import type { KafkaLimits, KafkaSasl, KafkaSettings, KafkaTls } from './settings.js';

/** Attempts inside the client are short; the bus has its own loops with their own bounds around them. */
export const RETRY = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 };
/** The same line of the client is logged once in this time. */
const REPEAT_MS = 10_000;
const REMEMBERED = 64;

mendRequestTimer();

/** The client for one process. Connects nowhere by itself. */
export function makeClient(settings: KafkaSettings, limits: KafkaLimits, log: BusLog): Kafka {
  if (settings.brokers.length === 0) throw invalidArgument('kafka.brokers', 'kafka.brokers must name a broker.');
  const config: KafkaConfig = {
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    connectionTimeout: limits.connectionTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    enforceRequestTimeout: true,
    retry: RETRY,
    logLevel: logLevel.WARN,
    logCreator: () => forwarder(log),
    ...(settings.tls ? { ssl: tlsOptions(settings.tls) } : {}),
    ...(settings.sasl ? { sasl: saslOptions(settings.sasl) } : {}),
  };
  return new Kafka(config);
}

/**
 * The client calls errors what it then retries: all of it is a warning here, failures are told by the bus itself. While
 * a broker is away it says the same several times a second: that is said once in a while, with how often it was.
 */
function forwarder(log: BusLog): (entry: LogEntry) => void {
  const said = new Map<string, { atMs: number; repeats: number }>();
  return ({ namespace, label, log: { message, timestamp: _, ...rest } }) => {
    const now = monotonicMs();
    const before = said.get(message);
    if (before && now - before.atMs < REPEAT_MS) {
      before.repeats += 1;
      return;
    }
    if (said.size >= REMEMBERED) said.clear();
    said.set(message, { atMs: now, repeats: 0 });
    const facts = Object.fromEntries(Object.entries(rest).filter(([name, value]) => name !== 'stack' && isFact(value)));
    log.warning('kafka-client', {
      ...facts,
      level: label,
      component: namespace,
      message,
      repeats: before?.repeats ?? 0,
    });
  };
}

function isFact(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function tlsOptions(tls: KafkaTls): NonNullable<KafkaConfig['ssl']> {
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw invalidArgument('kafka.tls', 'kafka.tls needs both cert and key, or neither.');
  }
  return {
    rejectUnauthorized: true,
    ...(tls.ca === undefined ? {} : { ca: [tls.ca] }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}

function saslOptions({ mechanism, username, password }: KafkaSasl): SASLOptions {
  switch (mechanism) {
    case 'plain':
      return { mechanism: 'plain', username, password };
    case 'scram-sha-256':
      return { mechanism: 'scram-sha-256', username, password };
    case 'scram-sha-512':
      return { mechanism: 'scram-sha-512', username, password };
  }
}
