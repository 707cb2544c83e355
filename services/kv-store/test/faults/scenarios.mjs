import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { KafkaBus } from '@longhaul/platform-kafka';
import { kafkaAvailable, s3Available, startKafka, startS3 } from '@longhaul/testing';
import { BlockEventSubscriber, CompactedSnapshots, eventTopics } from '@longhaul/kv-events';
import { namespace, putFresh } from './load.mjs';

const TOPICS = { partitions: 4, replication: 1, retentionMs: 3_600_000 };
const quiet = { info: () => undefined, warning: () => undefined, failure: () => undefined };
const quietObserver = { published: () => undefined, dropped: () => undefined, resync: () => undefined };
const disk = (folder) => ['--kv-dir', join(folder, 'kv'), '--kv-max-bytes', '2GiB', '--kv-ram-bytes', '32MiB'];
/** What of the store's incidents is told for each fault. */
const incidents = async (service) => {
  const count = (kind) => service.metric('longhaul_kv_store_incidents_total', `kind="${kind}"`);
  const [errors, timeouts, skipped] = [
    await count('tier_errors'),
    await count('tier_timeouts'),
    await count('write_through_skipped'),
  ];
  return `tier errors ${errors}, timeouts ${timeouts}, blocks not written down ${skipped}`;
};
const writable = (tier) => async (service) =>
  `${tier} writable ${await service.metric('longhaul_kv_tier_writable', `tier="${tier}"`)}, ${await incidents(service)}`;
/** A put is acknowledged from the disk again. */
const reachesDisk = async ({ service }) => (await putFresh(service.client)).durableTier === 'disk';

/**
 * A fault: `open` starts what it needs (or says why it cannot be had), `begin` and `end` cause and remove it, `check` is
 * the health check that must say so (or `told`, where there is none), `after` what must come again.
 */
export const SCENARIOS = [
  {
    name: 'disk full',
    how: 'RLIMIT_FSIZE of the running process: every write fails as on a full disk',
    check: 'disk-tier',
    says: writable('disk'),
    async open(folder) {
      if (spawnSync('prlimit', ['--version']).status !== 0) return { missing: 'prlimit (util-linux) was not found' };
      return { flags: disk(folder), close: async () => undefined };
    },
    begin: ({ service }) => limitFiles(service.pid, '4096'),
    end: ({ service }) => limitFiles(service.pid, 'unlimited'),
    after: reachesDisk,
  },
  {
    name: 'slow disk',
    how: 'every write and sync waits 6 s, longer than the tier has (file system seam of the disk tier)',
    // A call that lasts too long is counted, and the tier is left alone for a while.
    check: 'disk-tier',
    told: async ({ service }) =>
      (await service.metric('longhaul_kv_store_incidents_total', 'kind="tier_timeouts"')) > 0,
    says: writable('disk'),
    open: async (folder) => ({ flags: disk(folder), close: async () => undefined }),
    begin: ({ service }) => service.slowDisk(6_000),
    end: ({ service }) => service.slowDisk(0),
    after: reachesDisk,
  },
  {
    name: 'read-only directory',
    how: 'the directory and its files lose their write permission, the service starts anew',
    check: 'disk-tier',
    says: writable('disk'),
    open: async (folder) => ({ flags: disk(folder), close: async () => undefined }),
    begin: async ({ folder, restart }) => {
      await restart(() => permit(join(folder, 'kv'), false));
    },
    end: async ({ folder, restart }) => {
      await restart(() => permit(join(folder, 'kv'), true));
    },
    after: reachesDisk,
  },
  {
    name: 'S3 down',
    how: 'a real S3 server is killed, and started again over its data',
    check: 'object-tier',
    says: writable('object'),
    async open(folder) {
      const { available, reason } = await s3Available();
      if (!available) return { missing: reason };
      const server = await startS3();
      const flags = [
        ...[...disk(folder), '--object-endpoint', server.endpoint, '--object-bucket', server.bucket],
        ...['--object-access-key-id', server.accessKeyId, '--object-secret-access-key', server.secretAccessKey],
        ...['--kv-object-after-hits', '0', '--object-extent-age-ms', '200'],
      ];
      return { flags, server, close: () => server.close() };
    },
    begin: ({ server }) => server.kill(),
    async end(context) {
      context.blocksBefore = await blocksIn('object', context.service);
      await context.server.restart();
    },
    // The store may leave the tier alone for some seconds more: puts go on until it takes them.
    async after({ service, blocksBefore }) {
      await putFresh(service.client);
      return (await blocksIn('object', service)) > blocksBefore;
    },
  },
  {
    name: 'Kafka down',
    how: 'a real broker is killed, and started again on its data; a follower must agree with the store in the end',
    check: 'kafka',
    says: async (service) =>
      `kafka up ${await service.metric('longhaul_kafka_up')}, queued ${await service.metric('longhaul_kv_events_queued')}, dropped ${await service.metric('longhaul_kv_events_dropped_total')}`,
    async open(folder) {
      const { available, reason } = await kafkaAvailable();
      if (!available) return { missing: reason };
      const broker = await startKafka();
      const topics = ['--event-partitions', String(TOPICS.partitions), '--event-heartbeat-ms', '500'];
      const events = ['--kafka-brokers', broker.address, '--instance', 'faults', '--event-queue', '500', ...topics];
      const follower = follow(broker);
      const close = async () => {
        await follower.close();
        await broker.dispose();
      };
      return { flags: [...disk(folder), ...events], broker, follower, close };
    },
    begin: ({ broker }) => broker.kill(),
    end: ({ broker }) => broker.restart(),
    after: ({ service, follower }) => follower.agrees(service),
    summary: ({ follower }) => follower.summary(),
  },
];

function blocksIn(tier, service) {
  return service.metric('longhaul_kv_tier_blocks', `tier="${tier}"`);
}

function limitFiles(pid, bytes) {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);
}

function permit(folder, writing) {
  for (const name of readdirSync(folder)) chmodSync(join(folder, name), writing ? 0o600 : 0o400);
  chmodSync(folder, writing ? 0o700 : 0o500);
}

function follow(broker) {
  const limits = { sessionTimeoutMs: 6_000, probeIntervalMs: 500 };
  const bus = new KafkaBus({ brokers: [broker.address], clientId: 'follower', ...limits }, quiet);
  void bus.declareTopics(eventTopics(TOPICS));
  const source = new CompactedSnapshots(bus);
  const options = { bus, group: 'faults', source, maxHeldBatches: 1_000, observer: quietObserver, log: quiet };
  const subscriber = new BlockEventSubscriber(options);
  const seen = () => subscriber.owners().find(({ owner }) => owner === 'faults');
  return {
    async agrees({ client }) {
      const wanted = new Set();
      let next = 0n;
      for await (const batch of client.snapshot(namespace)) {
        next = batch.firstSequence;
        for (const { keys, tier } of batch.events) wanted.add(`${Buffer.from(keys[0]).toString('hex')} ${tier}`);
      }
      const owner = seen();
      if (!owner?.synced || owner.place?.next !== next) return false;
      const has = [...owner.view.entries()].flatMap(({ key, tiers }) =>
        tiers.map((tier) => `${Buffer.from(key).toString('hex')} ${tier}`),
      );
      return has.length === wanted.size && has.every((name) => wanted.has(name));
    },
    summary() {
      const { counts, view } = seen() ?? {};
      return `follower agrees on ${view?.size} blocks after ${counts?.gaps} gaps, ${counts?.snapshots} snapshots`;
    },
    async close() {
      await subscriber.stop();
      await bus.close();
    },
  };
}
