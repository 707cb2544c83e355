import { randomUUID } from 'node:crypto';
import type { Admin, Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import type { ReadRequest } from '../event-bus.js';
import { MAX_WAIT_MS } from './consumer.js';
import { toEvent } from './messages.js';

interface Target {
  readonly partition: number;
  readonly end: bigint;
}

/** Reads a topic up to the end that it had at the start, through a group of its own that is gone afterwards. */
export async function readToEnd(kafka: Kafka, admin: Admin, request: ReadRequest, clientId: string): Promise<void> {
  const { topic, partitions, signal } = request;
  signal?.throwIfAborted();
  const offsets = await admin.fetchTopicOffsets(topic);
  const targets = offsets
    .filter(({ partition, low, high }) => (!partitions || partitions.includes(partition)) && BigInt(low) < BigInt(high))
    .map(({ partition, high }) => ({ partition, end: BigInt(high) }));
  if (targets.length === 0) return;
  const groupId = `${clientId}-read-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: MAX_WAIT_MS, allowAutoTopicCreation: false });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consume(consumer, request, targets);
  } finally {
    await consumer.disconnect().catch(() => undefined);
    await admin.deleteGroups([groupId]).catch(() => undefined);
  }
}

function consume(consumer: Consumer, request: ReadRequest, targets: readonly Target[]): Promise<void> {
  const left = new Map(targets.map(({ partition, end }) => [partition, end]));
  return new Promise((resolve, reject) => {
    const abort = () => reject(request.signal?.reason ?? new Error('aborted'));
    request.signal?.addEventListener('abort', abort, { once: true });
    const settle = (error?: unknown) => {
      request.signal?.removeEventListener('abort', abort);
      if (error === undefined) resolve();
      else reject(error);
    };
    consumer.on(consumer.events.CRASH, ({ payload }) => settle(payload.error));
    const eachBatch = async (payload: EachBatchPayload) => {
      const { partition } = payload.batch;
      const end = left.get(partition);
      if (end === undefined) return void payload.resolveOffset(payload.batch.lastOffset());
      try {
        if (await handBatch(payload, request, end)) left.delete(partition);
        if (left.size === 0) settle();
      } catch (error) {
        settle(error);
      }
    };
    consumer.run({ autoCommit: false, eachBatchAutoResolve: true, eachBatch }).catch(settle);
  });
}

/** @returns whether the partition was read to its end. */
async function handBatch(payload: EachBatchPayload, request: ReadRequest, end: bigint): Promise<boolean> {
  const { batch } = payload;
  for (const message of batch.messages) {
    if (BigInt(message.offset) >= end || request.signal?.aborted) break;
    await request.handler(toEvent(batch.topic, batch.partition, message));
    await payload.heartbeat();
  }
  return BigInt(batch.lastOffset()) + 1n >= end;
}
