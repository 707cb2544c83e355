import { randomBytes } from 'node:crypto';

/** One node that is broker and controller, with everything small: a test has a handful of topics and little data. */
export function brokerProperties(folder: string, port: number, controllerPort: number): string {
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': `${folder}/data`,
    'auto.create.topics.enable': 'false',
    'default.replication.factor': '1',
    'min.insync.replicas': '1',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '1',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'num.network.threads': '1',
    'num.io.threads': '2',
    'background.threads': '2',
    'log.cleaner.dedupe.buffer.size': '2097152',
    'log.cleaner.backoff.ms': '500',
    'log.segment.bytes': '16777216',
    'log.index.size.max.bytes': '1048576',
    'broker.heartbeat.interval.ms': '500',
    'broker.session.timeout.ms': '3000',
  })
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** A cluster id as Kafka writes one: 16 random bytes in URL-safe base64, never starting with a dash. */
export function newClusterId(): string {
  return `L${randomBytes(16).toString('base64url').slice(1)}`;
}

/**
 * Runs the command given as arguments 2.. with its output in the file of argument 1, prints its process id, and kills
 * it when standard input ends: the broker cannot outlive the process that started it, however that one dies.
 */
export const SUPERVISOR = `
log=$1; shift
exec 3<&0
"$@" >>"$log" 2>&1 </dev/null 3<&- &
broker=$!
echo $broker
( cat <&3 >/dev/null; kill -9 $broker 2>/dev/null ) >/dev/null 2>&1 &
exec 3<&-
wait $broker
`;
