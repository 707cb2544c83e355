import { snapshotBatches } from './administration.js';
import type { NamespaceRecord } from './namespaces.js';
import type { StoreParts } from './store-parts.js';

/**
 * Tells what a namespace had in the tiers when the store started. Storage keeps only a tag of the namespace, so that
 * nobody could be told before a handshake named it; blocks that come to light later tell themselves. Goes on in pieces,
 * so that a large namespace holds nobody up; what is evicted meanwhile is not told any more.
 */
export async function tellRecovered(
  parts: StoreParts,
  { record, deployEpoch }: { record: NamespaceRecord; deployEpoch: number },
  stopped: () => boolean,
): Promise<void> {
  if (record.objects.every((objects) => objects === 0)) return;
  for (const { events, snapshotEnd } of snapshotBatches(parts, record, deployEpoch)) {
    if (stopped()) return;
    for (const event of events) parts.events.append(event);
    if (!snapshotEnd) await new Promise<void>((resolve) => void parts.clock.after(0, resolve));
  }
}
