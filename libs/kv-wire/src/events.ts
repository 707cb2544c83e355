import type { kvstoreV1 } from '@longhaul/contracts';
import { AppError } from '@longhaul/kernel';
import type { BlockEvent, BlockEventBatch } from '@longhaul/kv-core';
import { asBuffer } from './bytes.js';
import { fromQuality, fromTier, toQuality, toTier } from './enums.js';
import { fromKeys, toKeys } from './requests.js';

/** Events of a store as a message: of the gRPC API and, serialized, of a topic. */
export function toEventBatch(batch: BlockEventBatch): kvstoreV1.EventBatch {
  const { owner, storeEpoch, snapshot, snapshotEnd, gap } = batch;
  const events = batch.events.map(toEvent);
  return { owner, storeEpoch, firstSequence: batch.firstSequence, events, snapshot, snapshotEnd, gap };
}

export function fromEventBatch(message: kvstoreV1.EventBatch): BlockEventBatch {
  return { ...message, events: message.events.map(fromEvent) };
}

function toEvent(event: BlockEvent): kvstoreV1.Event {
  const { sequence } = event;
  switch (event.kind) {
    case 'stored': {
      const { firstBlock, blockTokens } = event;
      const value = {
        namespaceId: asBuffer(event.namespaceId),
        keys: toKeys(event.keys),
        parentKey: asBuffer(event.parentKey),
        firstBlock,
        blockTokens,
        tier: toTier(event.tier),
        quality: toQuality(event.quality),
      };
      return { sequence, event: { $case: 'stored', value } };
    }
    case 'removed': {
      const value = { namespaceId: asBuffer(event.namespaceId), keys: toKeys(event.keys), tier: toTier(event.tier) };
      return { sequence, event: { $case: 'removed', value } };
    }
    case 'cleared': {
      const namespaceId = event.namespaceId === null ? Buffer.alloc(0) : asBuffer(event.namespaceId);
      return { sequence, event: { $case: 'cleared', value: { namespaceId } } };
    }
  }
}

function fromEvent({ sequence, event }: kvstoreV1.Event): BlockEvent {
  switch (event?.$case) {
    case 'stored': {
      const { namespaceId, keys, parentKey, firstBlock, blockTokens, tier, quality } = event.value;
      const place = { tier: fromTier(tier), quality: fromQuality(quality) };
      return {
        kind: 'stored',
        sequence,
        namespaceId,
        keys: fromKeys(keys),
        parentKey,
        firstBlock,
        blockTokens,
        ...place,
      };
    }
    case 'removed': {
      const { namespaceId, keys, tier } = event.value;
      return { kind: 'removed', sequence, namespaceId, keys: fromKeys(keys), tier: fromTier(tier) };
    }
    case 'cleared': {
      const { namespaceId } = event.value;
      return { kind: 'cleared', sequence, namespaceId: namespaceId.length === 0 ? null : namespaceId };
    }
    case undefined:
      throw new AppError({ code: 'INTERNAL', reason: 'PROTOCOL_ERROR', message: 'An event has no known kind.' });
  }
}
