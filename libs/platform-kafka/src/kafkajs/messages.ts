import { Partitioners, type KafkaMessage, type Message, type PartitionerArgs } from 'kafkajs';
import type { EventRecord, ReceivedEvent } from '../event-bus.js';

/** The client hands our message objects to the partitioner as they are, so they can say what decides the partition. */
interface PlacedMessage extends Message {
  readonly partitionKey: Buffer;
}

/** Kafka's own hash (murmur2), of the partition key instead of the key. */
export function placedPartitioner(): (args: PartitionerArgs) => number {
  const byKey = Partitioners.DefaultPartitioner();
  return (args) => byKey({ ...args, message: { ...args.message, key: (args.message as PlacedMessage).partitionKey } });
}

export function toMessage({ key, value, headers, partitionKey }: EventRecord): PlacedMessage {
  const entries = Object.entries(headers ?? {}).map(([name, bytes]) => [name, asBuffer(bytes)]);
  return {
    key: asBuffer(key),
    value: value === null ? null : asBuffer(value),
    headers: Object.fromEntries(entries) as Record<string, Buffer>,
    partitionKey: asBuffer(partitionKey ?? key),
  };
}

export function toEvent(topic: string, partition: number, message: KafkaMessage): ReceivedEvent {
  const headers = Object.entries(message.headers ?? {}).map(([name, value]) => {
    const first = Array.isArray(value) ? value[0] : value;
    return [name, typeof first === 'string' ? Buffer.from(first) : (first ?? new Uint8Array())] as const;
  });
  return {
    topic,
    partition,
    offset: BigInt(message.offset),
    timestampMs: Number(message.timestamp),
    key: message.key ?? new Uint8Array(),
    value: message.value,
    headers: Object.fromEntries(headers),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
